"""Turn `counters.jsonl` (see `collect/host.py`) into counters: shares, rates and levels over time.

A rate or share stands at the end of the interval that it is of. A figure that the machine couldn't give
has no counter. Per process (`pid` set): process_cpus, rss_bytes, shared_bytes, pss_bytes, own_bytes, threads,
process_runq_share, process_read_bytes_per_s (from storage), process_read_any_bytes_per_s; all others are of
the machine or of the whole process tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from throughput.align.gpu import read_gpu
from throughput.align.series import Columns, Record, mapping, read_lines, whole

if TYPE_CHECKING:
    from typing import BinaryIO

    from throughput.model.timeline import Counter

FORMAT = "throughput.counters"
SCHEMA = 1
PROCESSES = 4096
"""Of one tick; a tree that large is no training run."""

Tick = tuple[int, int]
"""End and length of an interval, ns."""


def read_counters(host: BinaryIO | None, gpu: BinaryIO | None = None) -> tuple[Counter, ...]:
    """Return the counters of the host's and the GPU's raw file; None stands for a file that isn't there.

    Raises:
        DamagedFile: one of them is no file of ours, or is of a newer schema.
    """
    return (*(read_host(host) if host else ()), *(read_gpu(gpu) if gpu else ()))


def read_host(file: BinaryIO) -> tuple[Counter, ...]:
    """Return the counters of the machine, the process tree and each process.

    Raises:
        DamagedFile: it is no file of ours, or is of a newer schema.
    """
    columns = Columns()
    page_bytes = 0
    before: Record | None = None
    for record in read_lines(file, FORMAT, SCHEMA):
        if "t" not in record:
            page_bytes = whole(record.get("page_bytes")) or 0
            continue
        _add_levels(columns, record)
        if before is not None:
            tick = (record["t"], record["t"] - before["t"])
            machines = (mapping(before.get("machine")), mapping(record.get("machine")))
            _add_machine(columns, tick, machines, page_bytes)
            _add_processes(columns, tick, (_processes(before), _processes(record)))
        before = record
    return columns.counters()


def _processes(record: Record) -> dict[int, Record]:
    found = {}
    for name, numbers in list(mapping(record.get("procs")).items())[:PROCESSES]:
        if name.isascii() and name.isdigit() and len(name) < 11 and isinstance(numbers, dict):
            found[int(name)] = numbers
    return found


def _add_levels(columns: Columns, record: Record) -> None:
    time_ns: int = record["t"]
    machine = mapping(record.get("machine"))
    for name in ("memory_available_bytes", "memory_total_bytes", "memory_shared_bytes"):
        columns.add(name, "bytes", (time_ns, whole(machine.get(name))))
    for pid, numbers in _processes(record).items():
        for name in ("rss_bytes", "shared_bytes", "pss_bytes", "own_bytes", "threads"):
            unit = "count" if name == "threads" else "bytes"
            columns.add(name, unit, (time_ns, whole(numbers.get(name))), pid)


def _add_machine(columns: Columns, tick: Tick, pair: tuple[Record, Record], page_bytes: int) -> None:
    end, length = tick
    total = _grown(pair, "cpu_total_ns")
    idle = _grown(pair, "cpu_idle_ns")
    busy = None if total is None or idle is None else total - idle
    columns.add("machine_cpu_share", "share", (end, _share(busy, total)))
    columns.add("steal_share", "share", (end, _share(_grown(pair, "cpu_steal_ns"), total)))
    columns.add("iowait_share", "share", (end, _share(_grown(pair, "cpu_iowait_ns"), total)))
    throttled = _share(_grown(pair, "throttled_periods"), _grown(pair, "quota_periods"))
    columns.add("throttled_share", "share", (end, throttled))
    for name in ("cpu", "io", "memory"):
        columns.add(f"psi_{name}_share", "share", (end, _share(_grown(pair, f"psi_{name}_ns"), length)))
    for name in ("disk_read_bytes", "disk_write_bytes"):
        columns.add(f"{name}_per_s", "per_s", (end, _per_s(_grown(pair, name), length)))
    net = _sum(_grown(pair, "net_received_bytes"), _grown(pair, "net_sent_bytes"))
    columns.add("net_bytes_per_s", "per_s", (end, _per_s(net, length)))
    pages = _grown(pair, "swap_in_pages")
    columns.add("swap_in_per_s", "per_s", (end, _per_s(pages, length)))
    if pages is not None and page_bytes:
        columns.add("swap_in_bytes_per_s", "per_s", (end, _per_s(pages * page_bytes, length)))


def _add_processes(columns: Columns, tick: Tick, pair: tuple[dict[int, Record], dict[int, Record]]) -> None:
    end, length = tick
    before, now = pair
    totals: dict[str, int] = {}
    for pid, numbers in now.items():
        earlier = before.get(pid, {})
        if not earlier or earlier.get("started") != numbers.get("started"):
            continue
        both = (earlier, numbers)
        for name in ("cpu_ns", "major_faults", "read_bytes", "write_bytes", "read_any_bytes"):
            if (grown := _grown(both, name)) is not None:
                totals[name] = totals.get(name, 0) + grown
                if name.startswith("read"):
                    columns.add(f"process_{name}_per_s", "per_s", (end, _per_s(grown, length)), pid)
        cpu = _grown(both, "cpu_ns")
        columns.add("process_cpus", "count", (end, None if cpu is None else cpu / length), pid)
        waited, ran = _grown(both, "runq_ns"), _grown(both, "oncpu_ns")
        if waited is not None and ran is not None:
            columns.add("process_runq_share", "share", (end, _share(waited, waited + ran)), pid)
            totals["runq_ns"] = totals.get("runq_ns", 0) + waited
            totals["oncpu_ns"] = totals.get("oncpu_ns", 0) + ran
    cpu = totals.get("cpu_ns")
    columns.add("tree_cpus", "count", (end, None if cpu is None else cpu / length))
    waited = totals.get("runq_ns")
    wanted = _sum(waited, totals.get("oncpu_ns"))
    columns.add("runq_share", "share", (end, _share(waited, wanted)))
    columns.add("major_faults_per_s", "per_s", (end, _per_s(totals.get("major_faults"), length)))
    for name in ("read_bytes", "write_bytes", "read_any_bytes"):
        columns.add(f"tree_{name}_per_s", "per_s", (end, _per_s(totals.get(name), length)))


def _grown(pair: tuple[Record, Record], name: str) -> int | None:
    """Return by how much a total grew; None where it is missing or was reset."""
    before, now = whole(pair[0].get(name)), whole(pair[1].get(name))
    return None if before is None or now is None or now < before else now - before


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _share(part: int | None, whole_: int | None) -> float | None:
    """Return part / whole within 0..1 (two clocks' ticks may cross); None where nothing was to be had."""
    if part is None or not whole_ or whole_ < 0:
        return None
    return min(1.0, max(0.0, part / whole_))


def _per_s(amount: int | None, length_ns: int) -> float | None:
    return None if amount is None else amount * 1e9 / length_ns
