"""Time the phases of a thread exclusively: segments that tile its time, with CPU and run-queue time each.

Everywhere the CPU time is read first, then the clock, then the run queue: reading a thread's CPU time is
where Linux sees that the thread's turn is over, so beside busy processes it waits right there, often for
milliseconds. Read in another order, that wait lies in one segment's length and in another's run-queue time.
"""

from __future__ import annotations

import os
import threading
from time import monotonic_ns, thread_time_ns

from .recorder import SEGMENT, recorder

REST, LOADER, BACKWARD, OPTIMIZER, COPY, PIN, SYNC, COLLECTIVE, SAVE, PRINT = range(10)
RUNNING_NS = 10_000
"""A segment that ran for all but this long (the two clocks are read apart) can't have waited for a CPU: its
run-queue time, the dearest reading, is not read; nor is the CPU time of a segment shorter than this."""


def open_schedstat() -> int:
    """Return a descriptor of this thread's schedstat, or -1 where the kernel has none."""
    try:
        return os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def read_runq(fd: int) -> int:
    """Return this thread's run-queue wait so far, ns; -1 where it can't be read."""
    if fd < 0:
        return -1
    try:
        return int(os.pread(fd, 64, 0).split()[1])
    except (OSError, IndexError, ValueError):
        return -1


class PhaseClock:
    """The phase stack of one thread; `enter` and `leave` close the segment before them."""

    __slots__ = tuple(
        "brief cpu fd made optimizers phase pieces region regions runq stack t thread totals write".split()
    )

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.fd = open_schedstat()
        self.stack: list[int] = []
        self.phase = REST
        self.optimizers = 0
        self.region = 0
        self.regions: list[tuple[int, tuple[str, ...], str]] = []
        self.totals = [0] * 10
        self.brief = False
        self.write = recorder.write
        self.pieces: list[tuple[int, int]] = []
        self.made: list[tuple[int, int, int]] = []
        self.cpu, self.t, self.runq = thread_time_ns(), monotonic_ns(), read_runq(self.fd)

    def edge(self) -> int:
        """Close the running segment now; return the time."""
        t = monotonic_ns()
        start = self.t
        if t - start < RUNNING_NS:
            cpu = self.cpu + t - start  # what it didn't run counts in the next one that is read
        else:
            cpu, t = thread_time_ns(), monotonic_ns()
        used = cpu - self.cpu
        queued = 0 if self.fd >= 0 else -1
        if t - start - used > RUNNING_NS:
            runq = read_runq(self.fd)
            if runq >= 0:
                queued, self.runq = runq - self.runq, runq
        if self.pieces:
            start, used, queued = self._write_pieces(t, used, queued)
        self.totals[self.phase] += t - start
        self.write(SEGMENT, self.thread, start, t, self.phase, used, queued, self.region)
        self.t, self.cpu = t, cpu
        return t

    def turn(self, phase: int) -> int:
        """Go over to another phase; return the time, which is all that is read.

        The phases until the next edge share its CPU time and run-queue wait by their lengths: for where it
        need not be known which of them waited.
        """
        t = monotonic_ns()
        self.pieces.append((self.phase, t))
        self.phase = phase
        return t

    def _write_pieces(self, t: int, used: int, queued: int) -> tuple[int, int, int]:
        """Write the segments that ended at turns; return start, CPU and run-queue time of the running one."""
        start, left = self.t, t - self.t
        for phase, end in self.pieces:
            length = end - start
            if length <= 0:
                continue
            used_here, queued_here = used * length // left, queued * length // left if queued > 0 else queued
            self.totals[phase] += length
            self.write(SEGMENT, self.thread, start, end, phase, used_here, queued_here, self.region)
            start, left, used = end, left - length, used - used_here
            queued -= queued_here if queued > 0 else 0
        self.pieces.clear()
        return start, used, queued

    def skip(self) -> int:
        """Leave the time since the last edge out (a pause of ours); return the time."""
        self.cpu, self.t, self.runq = thread_time_ns(), monotonic_ns(), read_runq(self.fd)
        self.pieces.clear()
        return self.t

    def enter(self, phase: int) -> int:
        """Begin a phase inside the running one; return the time."""
        t = self.edge()
        self.stack.append(self.phase)
        self.phase = phase
        return t

    def leave(self) -> int:
        """End the running phase; return the time."""
        t = self.edge()
        self.phase = self.stack.pop() if self.stack else REST
        return t

    def unwind(self, phase: int) -> None:
        """Leave a phase whose end was missed, and all inside it."""
        if self.phase == phase or phase in self.stack:
            while self.phase != phase:
                self.leave()
            self.leave()


class _Clocks(threading.local):
    clock: PhaseClock | None = None


_clocks = _Clocks()


def clock() -> PhaseClock:
    """Return this thread's clock, made on first use."""
    own = _clocks.clock
    if own is None:
        own = _clocks.clock = PhaseClock()
        recorder.know_thread()
    return own


def known_clock() -> PhaseClock | None:
    """Return this thread's clock where it has one."""
    return _clocks.clock


def forget() -> None:
    """Drop this thread's clock: after a fork its descriptor reads the parent's thread."""
    _clocks.clock = None


def thread_readings(fd: int) -> tuple[int, int, int]:
    """Return (monotonic ns, CPU ns, run-queue ns) of this thread."""
    cpu = thread_time_ns()
    return monotonic_ns(), cpu, read_runq(fd)
