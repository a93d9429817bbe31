"""Turn a process tree and its machine into `counters.jsonl`, a few times a second, from the parent.

The raw file: JSON objects, one a line, numbers all integers.

First line, what holds for all: {"format": "throughput.counters", "schema": 1, "pid", "interval_ns", "cpus"
(that the tree may use), "cpu_count", "page_bytes", "source" ("proc" or "psutil")}.
Then one line a tick: {"t": CLOCK_MONOTONIC in ns, "machine": {...}, "procs": {"<pid>": {...}}}. All but
levels are totals since some start, so a tick that is late or lost costs resolution, never amounts.

machine: cpu_total_ns, cpu_idle_ns (with iowait), cpu_iowait_ns, cpu_steal_ns (summed over CPUs);
memory_total_bytes, memory_available_bytes, memory_shared_bytes (levels); swap_in_pages, major_faults;
disk_read_bytes, disk_write_bytes (whole disks), net_received_bytes, net_sent_bytes (no loopback);
psi_cpu_ns, psi_io_ns, psi_memory_ns ("some"); quota_periods, throttled_periods, throttled_ns (of the
tightest control group with a quota).
procs: started (tells a number that was used again), cpu_ns, major_faults, read_bytes, write_bytes (that
reached storage), read_any_bytes (any read call), oncpu_ns and runq_ns (schedstat, over all threads seen);
threads, rss_bytes, shared_bytes, pss_bytes, own_bytes (levels; the last two are read now and then).
What the machine can't tell is absent.

Beside it, at the end, `data_files.json`: see `data_files`.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from throughput.collect.data_files import FILE, DataFiles
from throughput.model.run import CollectorStatus

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    Numbers = dict[str, int]

FORMAT = "throughput.counters"
SCHEMA = 1
COST_SHARE = 0.01
"""A tick that cost more than this share of its interval (hundreds of threads) makes the next one later."""
SLOWEST_S = 5.0
FILES_TICKS = 2
"""The list of open files is looked at each second tick: 60 files of a process take 0.2 ms."""


class Counters(Protocol):
    """What reads the numbers: /proc, or psutil where there is none."""

    def add(self, pids: frozenset[int]) -> None:
        """Watch these too."""

    def pids(self) -> frozenset[int]:
        """Return the processes watched."""

    def one(self, pid: int) -> Numbers | None:
        """Return a process's counters; None once it has ended."""

    def machine(self) -> Numbers:
        """Return the machine's counters."""


class HostSampler:
    """Samples the processes below `pid` and the machine into `path` from a thread of its own.

    A failure ends the sampling, never the run: `status()` says so.
    """

    def __init__(self, pid: int, path: Path, interval_s: float = 0.25) -> None:
        self._pid = pid
        self._path = path
        self._interval_s = interval_s
        self._added: set[int] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._failure: str | None = None
        self._remedy: str | None = None
        self._latest: dict[str, Any] = {}
        self._ticks = 0
        self._cpu_s = 0.0
        self._files = DataFiles(str(path.parent))
        self._thread = threading.Thread(target=self._run, name="throughput-host", daemon=True)

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Take a last sample and close the file; safe to call twice, or before `start`."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def add_pids(self, pids: frozenset[int]) -> None:
        """Watch these processes too: workers of a fork server need not be below `pid`."""
        with self._lock:
            self._added |= pids

    def latest(self) -> dict[str, Any]:
        """Return the last tick as it was written, empty before the first: for live figures."""
        return self._latest

    def tree_cpu_ns(self) -> int | None:
        """Return the CPU time so far of the processes that live, as of the last tick; None before it."""
        processes = self._latest.get("procs")
        return None if processes is None else sum(p.get("cpu_ns", 0) for p in processes.values())

    def cpu_seconds(self) -> float:
        """Return the CPU time that sampling itself took."""
        return self._cpu_s

    def status(self) -> CollectorStatus:
        """Return whether the figures can be had."""
        if self._failure is not None:
            state = "failed" if self._ticks else "unavailable"
            return CollectorStatus(name="host", state=state, reason=self._failure, remedy=self._remedy)
        return CollectorStatus(name="host", state="ok" if self._thread.ident is not None else "off")

    def _run(self) -> None:
        try:
            counters = open_counters(self._pid)
            with self._path.open("wb") as file:
                _write(file, _header(self._pid, self._interval_s))
                self._sample(counters, file)
            self._files.write(self._path.with_name(FILE))
        except OSError as error:
            self._failure = f"{self._path.name} can't be written: {error.strerror or error}"
            self._remedy = "Free disk space, or name another folder with --out."
        except Exception as error:  # noqa: BLE001 - an odd kernel's figures must not end the run
            self._failure = f"host counters can't be read: {type(error).__name__}: {error}"

    def _sample(self, counters: Counters, file: BinaryIO) -> None:
        last = False
        while True:
            used = time.thread_time()
            with self._lock:
                counters.add(frozenset(self._added))
                self._added.clear()
            tick = one_tick(counters)
            _write(file, tick)
            self._latest = tick
            if self._ticks % FILES_TICKS == 0 and platform.system() == "Linux":
                self._files.look(map(int, tick["procs"]))
            self._ticks += 1
            cost = time.thread_time() - used
            self._cpu_s += cost
            if last:
                return
            pause = min(SLOWEST_S, max(self._interval_s, cost / COST_SHARE))
            last = self._ended.wait(pause)


def open_counters(pid: int) -> Counters:
    """Return the reader for this machine."""
    if platform.system() == "Linux":
        from throughput.collect.proc_counters import ProcCounters

        return ProcCounters(pid)
    from throughput.collect.psutil_counters import PsutilCounters

    return PsutilCounters(pid)


def one_tick(counters: Counters) -> dict[str, Any]:
    """Return one line of the raw file, as of now."""
    processes = {}
    begun = time.monotonic_ns()
    for pid in sorted(counters.pids()):
        numbers = counters.one(pid)
        if numbers is not None:
            processes[str(pid)] = numbers
    machine = counters.machine()
    # The middle: reading a hundred processes takes a few milliseconds.
    return {"t": (begun + time.monotonic_ns()) // 2, "machine": machine, "procs": processes}


def _header(pid: int, interval_s: float) -> dict[str, Any]:
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "pid": pid,
        "interval_ns": int(interval_s * 1e9),
        "cpus": len(affinity(0)) if affinity else os.cpu_count(),
        "cpu_count": os.cpu_count(),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "source": "proc" if platform.system() == "Linux" else "psutil",
    }


def _write(file: BinaryIO, line: dict[str, Any]) -> None:
    file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    file.flush()  # what was seen outlives a crash of ours
