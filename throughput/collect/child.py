"""Start the script as the user would, relay its streams byte for byte, and end everything that it started."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import pty
import selectors
import signal
import subprocess
import sys
import termios
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

KEPT_OUTPUT_BYTES = 1_000_000
SHIM = Path(__file__).parent / "inprocess"
PR_SET_CHILD_SUBREAPER = 36
END_GRACE_S = 3.0


def child_environment(raw: Path, options: Mapping[str, object], base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that loads the in-process collectors, the user's own PYTHONPATH behind them."""
    environment = dict(base)
    own = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = f"{SHIM}{os.pathsep}{own}" if own else str(SHIM)
    environment["THROUGHPUT_RAW"] = str(raw)
    environment["THROUGHPUT_OPTIONS"] = json.dumps(options)
    # torch.profiler announces itself on stderr otherwise.
    environment.setdefault("KINETO_LOG_LEVEL", "99")
    return environment


class Child:
    """The running script; `pump` relays what it printed and returns whether it still runs."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        relay: Callable[[str, bytes], None],
        cwd: str | None = None,
    ) -> None:
        self.command = command
        self.relay = relay
        self.kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self.relayed = 0
        self._selector = selectors.DefaultSelector()
        self._masters: dict[str, int] = {}
        _become_subreaper()
        slaves = {name: self._open(name, getattr(sys, name)) for name in ("stdout", "stderr")}
        stdin = slaves["stdout"] if _is_tty(sys.stdin) and _is_tty(sys.stdout) else None
        self.started_ns = time.monotonic_ns()
        self.popen = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=stdin,
            stdout=slaves["stdout"],
            stderr=slaves["stderr"],
            start_new_session=True,
        )
        for slave in slaves.values():
            os.close(slave)
        if stdin is not None:
            self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, "stdin")

    def _open(self, name: str, ours: object) -> int:
        if _is_tty(ours):
            master, slave = pty.openpty()
            _same_size(slave)
            _plain_output(slave)
        else:
            master, slave = os.pipe()
        os.set_blocking(master, False)
        self._masters[name] = master
        self._selector.register(master, selectors.EVENT_READ, name)
        return slave

    @property
    def pid(self) -> int:
        """Process id of the script, or of the launcher."""
        return self.popen.pid

    def pump(self, timeout_s: float) -> bool:
        """Relay for at most this long; return whether the script still runs."""
        for key, _ in self._selector.select(timeout_s):
            if key.data == "stdin":
                self._pass_stdin()
            else:
                self._pass_output(key.data, key.fd)
        return self.popen.poll() is None

    def _pass_stdin(self) -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            self._selector.unregister(sys.stdin.fileno())
            data = b"\x04"
        os.write(self._masters["stdout"], data)

    def _pass_output(self, name: str, fd: int) -> bool:
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # a pty whose other side is closed
        if not data:
            self._selector.unregister(fd)
            os.close(fd)
            self._masters.pop(name, None)
            return False
        self.relayed += len(data)
        self.kept.append(data)
        self._kept_bytes += len(data)
        while self._kept_bytes - len(self.kept[0]) >= KEPT_OUTPUT_BYTES:
            self._kept_bytes -= len(self.kept.popleft())
        self.relay(name, data)
        return True

    def drain(self) -> None:
        """Relay what is left after the script ended; what its orphans hold open is not waited for."""
        for name, fd in list(self._masters.items()):
            while self._masters.get(name) == fd and self._pass_output(name, fd):
                pass

    def write_log(self, path: Path) -> None:
        """Write the last part of the output, both streams in the order in which they came."""
        path.write_bytes(b"".join(self.kept)[-KEPT_OUTPUT_BYTES:])

    def signal_tree(self, number: int) -> None:
        """Send a signal to the script's process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, number)

    def end(self) -> None:
        """End the script and all that it started: politely, then not."""
        if self.popen.poll() is None:
            self.signal_tree(signal.SIGTERM)
            deadline = time.monotonic() + END_GRACE_S
            while self.pump(0.05) and time.monotonic() < deadline:
                pass
        self.signal_tree(signal.SIGKILL)
        for pid in descendants(os.getpid()):
            if pid in self._others:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(END_GRACE_S)
        self.drain()

    _others: frozenset[int] = frozenset()

    def spare(self, pids: set[int]) -> None:
        """Leave these children of ours (py-spy writing its file) alone when ending the script's."""
        self._others = frozenset(pids)


def descendants(pid: int) -> set[int]:
    """Return all processes below `pid`, from /proc; orphans of the script are adopted by us and found too."""
    children: dict[int, list[int]] = {}
    try:
        names = [path.name for path in Path("/proc").iterdir()]
    except OSError:
        return set()
    for name in names:
        if name.isdigit():
            parent = _parent_of(name)
            if parent is not None:
                children.setdefault(parent, []).append(int(name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _parent_of(name: str) -> int | None:
    try:
        return int(Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def _is_tty(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


def _same_size(slave: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)


def _plain_output(slave: int) -> None:
    """Let the outer terminal do the echo and the line ends."""
    modes = termios.tcgetattr(slave)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, modes)


def _become_subreaper() -> None:
    """Adopt the script's orphans, so that none is left behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
