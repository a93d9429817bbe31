"""Turn psutil into the counters of `proc_counters` where there is no /proc (macOS).

Missing there, and shown as not measured: run queue, steal, throttling, pressure, disk bytes of a process.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

Numbers = dict[str, int]

RESCAN_SHARE = 1 / 400
"""As in `proc_counters`: at most this share of one core looks for new processes."""
RESCAN_LEAST_S = 1.0
NS = 1_000_000_000


class PsutilCounters:
    """Reads the processes below `pid` and the machine through psutil."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._psutil = psutil
        self._root = pid
        self._cached: dict[int, psutil.Process] = {}
        self._scan_after = 0.0
        self.add(frozenset({pid}))

    def add(self, pids: frozenset[int]) -> None:
        """Watch these too."""
        for pid in pids - self._cached.keys():
            try:
                self._cached[pid] = self._psutil.Process(pid)
            except self._psutil.Error:
                continue

    def pids(self) -> frozenset[int]:
        """Return the processes watched, found anew when that is due."""
        begun = time.monotonic()
        root = self._cached.get(self._root)
        if root is not None and begun >= self._scan_after:
            used = time.thread_time()
            try:
                self.add(frozenset(child.pid for child in root.children(recursive=True)))
            except self._psutil.Error:
                self._scan_after = begun
            cost = time.thread_time() - used
            self._scan_after = begun + max(RESCAN_LEAST_S, cost / RESCAN_SHARE)
        return frozenset(self._cached)

    def one(self, pid: int) -> Numbers | None:
        """Return a process's counters; None once it has ended."""
        process = self._cached.get(pid)
        try:
            if process is None or process.status() == self._psutil.STATUS_ZOMBIE:
                raise self._psutil.NoSuchProcess(pid)
            with process.oneshot():
                cpu, memory = process.cpu_times(), process.memory_info()
                return {
                    "started": int(process.create_time() * 1000),
                    "cpu_ns": int((cpu.user + cpu.system) * NS),
                    "threads": process.num_threads(),
                    "rss_bytes": memory.rss,
                }
        except self._psutil.NoSuchProcess:
            self._cached.pop(pid, None)
            return None
        except self._psutil.Error:  # refused: it lives, but says nothing
            return {}

    def machine(self) -> Numbers:
        """Return the machine's counters, of all processes."""
        cpu = self._psutil.cpu_times()
        memory = self._psutil.virtual_memory()
        numbers = {
            "cpu_total_ns": int(sum(cpu) * NS),
            "cpu_idle_ns": int(cpu.idle * NS),
            "memory_total_bytes": memory.total,
            "memory_available_bytes": memory.available,
        }
        disk = self._psutil.disk_io_counters()
        if disk is not None:
            numbers |= {"disk_read_bytes": disk.read_bytes, "disk_write_bytes": disk.write_bytes}
        cards = self._psutil.net_io_counters(pernic=True)
        outer = [card for name, card in cards.items() if not name.startswith("lo")]
        if outer:
            numbers["net_received_bytes"] = sum(card.bytes_recv for card in outer)
            numbers["net_sent_bytes"] = sum(card.bytes_sent for card in outer)
        return numbers
