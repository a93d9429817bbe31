"""Watch what the threads of a process and its children are blocked on, from /proc: nothing there is touched.

The raw file holds rows of six little-endian int64: the time (CLOCK_MONOTONIC ns, the same for all threads
read at one tick), process, native thread id, kind (index into `model.timeline.KINDS`), address (of the futex,
else 0), and the time since this thread was read before.
"""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from throughput.collect.blocked_on import CALLS, RUNNING, Blocked, Reader
from throughput.collect.elf import mapped_range
from throughput.collect.trials import ptrace_remedy
from throughput.model.run import CollectorStatus

ROW = struct.Struct("<6q")
RUNTIME, INTERPRETERS = "_PyRuntime", r"^(lib)?python\d"
COST_SHARE = 0.03
"""Of one core: with more threads than that allows for, ticks are further apart."""
SLOWEST_S = 0.1
NEW_THREADS_S, NEW_PROCESSES_S = 0.05, 0.25
"""How soon a new thread, a new process is seen, against a listing of /proc each time."""
SAME_TICKS, SKIPPED_TICKS = 16, 8
"""A thread that sat in the same call for 16 ticks is looked at every 8th tick only: pools have many such."""
THREADS_MAX = 256
"""Open files, against the usual limit of 1,024; main threads come first."""
LOOKS_MAX = 20
"""A process that has mapped no interpreter within 5 s runs none."""
WRITE_BYTES = 48_000
LINE_BYTES = 256


@dataclass(slots=True)
class _Thread:
    tid: int
    fd: int
    read_ns: int
    line: bytes = b""
    blocked: Blocked = (RUNNING, 0)
    same: int = 0
    skip: int = 0


@dataclass(slots=True)
class _Process:
    pid: int
    reader: Reader
    looks: int = 0
    """How often the interpreter's state was looked for: a process that begins has not mapped it yet."""
    threads: dict[int, _Thread] = field(default_factory=dict)


class _Refused(Exception):
    """The kernel does not show another process's system calls to us."""


class SyscallSampler:
    """Samples the threads of `pid` and of all below it into `path`, from a thread of its own.

    A failure ends the sampling, never the run: `status()` says so.
    """

    def __init__(self, pid: int, path: Path, rate_hz: float = 200.0) -> None:
        self._pid = pid
        self._path = path
        self._period_s = 1.0 / rate_hz
        self._asked: set[int] = {pid}
        self._processes: dict[int, _Process] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._status = CollectorStatus(name="syscalls", state="off")
        self._thread = threading.Thread(target=self._run, name="throughput-syscalls", daemon=True)
        self._ticks = 0
        self._cpu_s = 0.0

    def start(self) -> None:
        """Begin sampling."""
        self._status = CollectorStatus(name="syscalls", state="ok")
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End and close the file; safe to call twice, or before `start`."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def add_pids(self, pids: set[int] | frozenset[int]) -> None:
        """Watch these processes too: workers of a fork server need not be below `pid`."""
        with self._lock:
            self._asked |= pids

    def remove_pids(self, pids: set[int] | frozenset[int]) -> None:
        """Stop watching these, unless they are below one that is watched."""
        with self._lock:
            self._asked -= pids

    def status(self) -> CollectorStatus:
        """Return whether the figures can be had, and what would change that."""
        return self._status

    def cpu_seconds(self) -> float:
        """Return the CPU time that sampling itself took."""
        return self._cpu_s

    def ticks(self) -> int:
        """Return how often the threads were looked at."""
        return self._ticks

    def _run(self) -> None:
        try:
            if os.uname().machine not in CALLS:
                raise _Refused(f"the system calls of {os.uname().machine} are not known")
            with self._path.open("wb") as file:
                self._sample(file)
        except _Refused as error:
            self._fail(str(error), ptrace_remedy(os.environ))
        except OSError as error:
            what = f"{self._path.name} can't be written: {error.strerror or error}"
            self._fail(what, "Free disk space, or name another folder with --out.")
        except Exception as error:  # noqa: BLE001 - an odd kernel's files must not end the run
            self._fail(f"system calls can't be read: {type(error).__name__}: {error}", None)
        finally:
            self._forget(set(self._processes))

    def _fail(self, reason: str, remedy: str | None) -> None:
        state = "failed" if self._ticks else "unavailable"
        self._status = CollectorStatus(name="syscalls", state=state, reason=reason, remedy=remedy)

    def _sample(self, file: BinaryIO) -> None:
        rows = bytearray()
        next_threads = next_processes = 0.0
        typical_s = 0.0
        ended = False
        while not ended:
            used, now = time.thread_time(), time.monotonic()
            if now >= next_processes:
                next_processes = now + NEW_PROCESSES_S
                self._find_processes()
            if now >= next_threads:
                next_threads = now + NEW_THREADS_S
                self._find_threads()
            self._tick(rows)
            if len(rows) > WRITE_BYTES:
                file.write(rows)
                rows.clear()
            cost = time.thread_time() - used
            self._cpu_s += cost
            typical_s += (cost - typical_s) * 0.05
            pause = min(SLOWEST_S, max(self._period_s, typical_s / COST_SHARE))
            # Jittered, so that no loop of the script keeps step with us.
            ended = self._ended.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        file.write(rows)

    def _tick(self, rows: bytearray) -> None:
        """Look at every thread once."""
        now = time.monotonic_ns()
        for process in list(self._processes.values()):
            for thread in list(process.threads.values()):
                if thread.skip:
                    thread.skip -= 1
                    continue
                if not _look(process, thread):
                    os.close(thread.fd)
                    del process.threads[thread.tid]
                    continue
                kind, address = thread.blocked
                rows += ROW.pack(now, process.pid, thread.tid, kind, address, now - thread.read_ns)
                thread.read_ns = now
        self._ticks += 1

    def _find_processes(self) -> None:
        with self._lock:
            asked = set(self._asked)
        wanted = asked | {child for pid in asked for child in children_of(pid)}
        self._forget(set(self._processes) - wanted)
        for pid in wanted:
            process = self._processes.get(pid)
            if process is None:
                process = self._processes[pid] = _Process(pid, Reader(pid))
            if process.reader.gil is None and process.looks < LOOKS_MAX:
                process.looks += 1
                process.reader.gil = mapped_range(pid, RUNTIME, INTERPRETERS)

    def _find_threads(self) -> None:
        watched = sum(len(process.threads) for process in self._processes.values())
        for process in list(self._processes.values()):
            for tid in _thread_ids(process.pid):
                room = watched < THREADS_MAX or (tid == process.pid and watched < 2 * THREADS_MAX)
                if tid not in process.threads and room and self._open(process, tid):
                    watched += 1

    def _open(self, process: _Process, tid: int) -> bool:
        """Open a thread's file; a thread that has just ended has none."""
        try:
            fd = os.open(f"/proc/{process.pid}/task/{tid}/syscall", os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            if process.pid == self._pid:
                raise _Refused(f"/proc/<pid>/task/*/syscall: {error.strerror}") from None
            return False
        except FileNotFoundError:
            if tid == self._pid and Path(f"/proc/{tid}/stat").exists():
                raise _Refused("this kernel has no /proc/<pid>/task/*/syscall") from None
            return False
        except OSError:  # too many open files: fewer threads are watched
            return False
        process.threads[tid] = _Thread(tid, fd, time.monotonic_ns())
        return True

    def _forget(self, pids: set[int]) -> None:
        for pid in pids:
            for thread in self._processes.pop(pid).threads.values():
                os.close(thread.fd)


def _look(process: _Process, thread: _Thread) -> bool:
    """Read what a thread does now; False once it has ended.

    Raises:
        _Refused: the kernel does not tell.
    """
    try:
        line = os.pread(thread.fd, LINE_BYTES, 0)
    except PermissionError as error:
        raise _Refused(f"/proc/<pid>/task/*/syscall: {error.strerror}") from None
    except OSError:
        return False
    if line != thread.line:
        thread.line, thread.blocked, thread.same = line, process.reader.read(line), 0
    elif thread.blocked[0] != RUNNING and thread.tid != process.pid:
        thread.same += 1
        if thread.same > SAME_TICKS:
            thread.skip = SKIPPED_TICKS - 1
    return bool(line)


def _thread_ids(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - four times as fast
    except OSError:
        return []


def children_of(pid: int) -> set[int]:
    """Return all processes below one, from the threads' own lists of children."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for tid in _thread_ids(parent):
            try:
                text = Path(f"/proc/{parent}/task/{tid}/children").read_bytes()
            except OSError:
                continue
            new = {int(word) for word in text.split()} - found
            found |= new
            waiting.extend(new)
    return found
