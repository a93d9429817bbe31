"""Measure this script's own truth: what each phase of a step took, by the script's own clock.

On only where TRUTH_OUT names a file; otherwise every call returns at once, and no clock is read. A phase
is charged its wall time minus its wait in the run queue, and those waits are `cpu_starved`. Waiting for
a lock is the time between asking for it and getting it.
"""

from __future__ import annotations

import atexit
import json
import os
import statistics
import threading
import time
from collections import Counter
from pathlib import Path

WARM_UP = 40
"""Steps left out: the first ones load code, fill caches and use up batches prefetched during start-up."""


class Stopwatch:
    """Charges the training thread's time to the phase that it is in."""

    def __init__(self, out: str | None) -> None:
        self.out = out
        if out is None:
            return
        self.pid, self.thread = os.getpid(), threading.get_ident()
        self.schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        self.phase = "host_work"
        self.parts: Counter[str] = Counter()
        self.cpu: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.cpu_sums: Counter[str] = Counter()
        self.steps: list[int] = []
        self.rows: list[tuple[int, int, dict[str, int]]] = []
        self.seen = 0
        self.edge = self.step_edge = self._read()
        atexit.register(self._write)

    def enter(self, phase: str) -> str:
        """Charge the time since the last edge to the phase that it was spent in; return that phase."""
        if self.out is None:
            return ""
        now, last, self.phase = self._read(), self.phase, phase
        wall, cpu, starved = (b - a for a, b in zip(self.edge, now, strict=True))
        self.edge = now
        self.parts[last] += wall - starved
        self.parts["cpu_starved"] += starved
        self.cpu[last] += cpu
        return last

    def step(self) -> None:
        """End a step here; what follows belongs to the next."""
        if self.out is None:
            return
        self.enter(self.phase)
        self.seen += 1
        self.rows.append((time.monotonic_ns(), self.edge[0] - self.step_edge[0], dict(self.parts)))
        if self.seen > WARM_UP:
            self.steps.append(self.edge[0] - self.step_edge[0])
            self.sums.update(self.parts)
            self.cpu_sums.update(self.cpu)
        self.parts.clear()
        self.cpu.clear()
        self.step_edge = self.edge

    def time_lock(self, owner: object, name: str) -> None:
        """Replace a lock attribute by one that charges the training thread's waits for it."""
        if self.out is not None:
            setattr(owner, name, TimedLock(getattr(owner, name), self))

    def _read(self) -> tuple[int, int, int]:
        """Return wall, CPU and run-queue time, read with no wait for a CPU between them."""
        after = os.pread(self.schedstat, 64, 0).split()
        while True:
            before, now = after, time.perf_counter_ns()
            after = os.pread(self.schedstat, 64, 0).split()
            if before[1] == after[1]:
                return now, int(after[0]), int(after[1])

    def _write(self) -> None:
        total = sum(self.steps)
        if os.getpid() != self.pid or not total:
            return
        truth = {
            "steps": len(self.steps),
            "median_step_ns": statistics.median(self.steps),
            "mean_step_ns": total / len(self.steps),
            "shares": {phase: ns / total for phase, ns in sorted(self.sums.items())},
            "cpu_shares": {phase: ns / total for phase, ns in sorted(self.cpu_sums.items())},
            "rows": self.rows,
        }
        Path(str(self.out)).write_text(json.dumps(truth, indent=1), encoding="utf-8")


class TimedLock:
    """A lock that charges the training thread's time between asking and getting."""

    def __init__(self, lock: threading.Lock, watch: Stopwatch) -> None:
        self.lock = lock
        self.watch = watch

    def __enter__(self) -> None:
        """Take the lock."""
        if threading.get_ident() != self.watch.thread:
            self.lock.acquire()
            return
        before = self.watch.enter("lock_contention")
        self.lock.acquire()
        self.watch.enter(before)

    def __exit__(self, *exc: object) -> None:
        """Give the lock back."""
        self.lock.release()


watch = Stopwatch(os.environ.get("TRUTH_OUT"))
