"""Say what a thread is blocked on, from its line of /proc/<pid>/task/<tid>/syscall."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path

from throughput.model.timeline import KINDS

RUNNING, GIL, FUTEX, SHARED_FUTEX, FILE_LOCK, POLL, SLEEP, IO, WAIT_CHILD, OTHER = range(len(KINDS))

CALLS: dict[str, dict[str, str]] = {
    "x86_64": {
        "futex": "futex 202",
        "fcntl": "fcntl 72",
        "flock": "flock 73",
        "select": "select 23 pselect6 270",
        "poll": "poll 7 ppoll 271",
        "wait": (
            "epoll_wait 232 epoll_pwait 281 epoll_pwait2 441 accept 43 accept4 288 connect 42 recvfrom "
            "45 recvmsg 47 recvmmsg 299 semop 65 semtimedop 220 msgrcv 70 mq_timedreceive 243"
        ),
        "sleep": "nanosleep 35 clock_nanosleep 230",
        "read": "read 0 pread64 17 readv 19 preadv 295 preadv2 327",
        "io": (
            "write 1 open 2 stat 4 lstat 6 fstat 5 pwrite64 18 writev 20 pwritev 296 pwritev2 328 "
            "sendfile 40 sendto 44 sendmsg 46 sendmmsg 307 msync 26 fsync 74 fdatasync 75 sync 162 "
            "syncfs 306 sync_file_range 277 truncate 76 ftruncate 77 fallocate 285 getdents 78 "
            "getdents64 217 rename 82 renameat 264 renameat2 316 mkdir 83 mkdirat 258 unlink 87 "
            "unlinkat 263 openat 257 openat2 437 newfstatat 262 statx 332 io_getevents 208 "
            "io_uring_enter 426 readahead 187 splice 275 copy_file_range 326 close 3"
        ),
        "wait_child": "wait4 61 waitid 247",
    },
    "aarch64": {
        "futex": "futex 98",
        "fcntl": "fcntl 25",
        "flock": "flock 32",
        "select": "pselect6 72",
        "poll": "ppoll 73",
        "wait": (
            "epoll_pwait 22 epoll_pwait2 441 accept 202 accept4 242 connect 203 recvfrom 207 recvmsg "
            "212 recvmmsg 243 semop 193 semtimedop 192 msgrcv 188 mq_timedreceive 183"
        ),
        "sleep": "nanosleep 101 clock_nanosleep 115",
        "read": "read 63 pread64 67 readv 65 preadv 69 preadv2 286",
        "io": (
            "write 64 fstat 80 pwrite64 68 writev 66 pwritev 70 pwritev2 287 sendfile 71 sendto 206 "
            "sendmsg 211 sendmmsg 269 msync 227 fsync 82 fdatasync 83 sync 81 syncfs 267 "
            "sync_file_range 84 truncate 45 ftruncate 46 fallocate 47 getdents64 61 renameat 38 "
            "renameat2 276 mkdirat 34 unlinkat 35 openat 56 openat2 437 newfstatat 79 statx 291 "
            "io_getevents 4 io_uring_enter 426 readahead 213 splice 76 copy_file_range 285 close 57"
        ),
        "wait_child": "wait4 260 waitid 95",
    },
}
"""By machine, what waiting in a call means: its calls, each with its number there (asm/unistd.h)."""
FUTEX_COMMAND, FUTEX_PRIVATE = 0x7F, 0x80
FUTEX_WAITS = (0, 6, 9, 11, 13)
"""FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2 of linux/futex.h."""
FCNTL_WAITS = (7, 38)
"""F_SETLKW and F_OFD_SETLKW."""
OUTSIDE_SYSCALLS = -1
"""Blocked, but in no system call: a page of a mapped file that is not in memory yet."""

Blocked = tuple[int, int]
"""Kind, and the address of a futex or 0."""


@dataclass(slots=True)
class Reader:
    """Reads the lines of one process."""

    pid: int
    machine: str = field(default_factory=platform.machine)
    gil: range | None = None
    """Addresses of the interpreter's state, which holds the GIL."""
    _meanings: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for meaning, calls in CALLS.get(self.machine, {}).items():
            self._meanings.update((int(number), meaning) for number in calls.split()[1::2])

    def read(self, line: bytes) -> Blocked:
        """Return what a line says; a line that makes no sense is "other"."""
        if line.startswith(b"running"):
            return RUNNING, 0
        words = line.split()
        try:
            number = int(words[0])
            arguments = [int(word, 16) for word in words[1:4]]
        except (ValueError, IndexError):
            return OTHER, 0
        if number == OUTSIDE_SYSCALLS:
            return IO, 0
        return self._read_call(self._meanings.get(number, ""), arguments)

    def _read_call(self, meaning: str, arguments: list[int]) -> Blocked:
        if len(arguments) < 3:
            return OTHER, 0
        first, second = arguments[:2]
        if meaning == "futex":
            return self._read_futex(first, second)
        if meaning in ("select", "poll"):  # without files it is a way to sleep
            return (POLL if (first if meaning == "select" else second) else SLEEP), 0
        if meaning == "fcntl":
            return (FILE_LOCK if second in FCNTL_WAITS else OTHER), 0
        if meaning == "read":
            return self._read_file(first), 0
        simple = {"flock": FILE_LOCK, "wait": POLL, "sleep": SLEEP, "io": IO, "wait_child": WAIT_CHILD}
        return simple.get(meaning, OTHER), 0

    def _read_futex(self, address: int, operation: int) -> Blocked:
        if operation & FUTEX_COMMAND not in FUTEX_WAITS:
            return OTHER, 0
        if self.gil is not None and address in self.gil:
            return GIL, address
        return (FUTEX if operation & FUTEX_PRIVATE else SHARED_FUTEX), address

    def _read_file(self, number: int) -> int:
        """Tell a file from a pipe or socket, where reading is waiting for another process."""
        try:
            target = str(Path(f"/proc/{self.pid}/fd/{number}").readlink())
        except OSError:
            return IO
        return POLL if target.startswith(("pipe:", "socket:", "anon_inode:")) else IO
