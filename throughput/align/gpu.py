"""Turn `gpu.jsonl` (see `collect/gpu.py`) into counters named `gpu<index>_...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from throughput.align.series import Columns, Record, mapping, number, read_lines, whole

if TYPE_CHECKING:
    from typing import BinaryIO

    from throughput.model.timeline import Counter

FORMAT = "throughput.gpu"
SCHEMA = 1
GPUS = 64
"""No machine has more; a file that says so is hostile."""
PROCESSES = 4096

# Bits of NVML's clocks event (throttle) reasons, nvml.h: what slows a GPU that has work.
POWER_REASONS = 0x4 | 0x80  # software power cap, hardware power brake
THERMAL_REASONS = 0x20 | 0x40  # software and hardware thermal slowdown
HARDWARE_SLOWDOWN = 0x8  # either of the two, on older drivers
HARMFUL_REASONS = POWER_REASONS | THERMAL_REASONS | HARDWARE_SLOWDOWN

LEVELS = (
    # name in the file, name of the counter, unit, factor
    ("utilization_percent", "utilization_share", "share", 0.01),
    ("memory_busy_percent", "memory_busy_share", "share", 0.01),
    ("memory_used_bytes", "memory_used_bytes", "bytes", 1.0),
    ("memory_total_bytes", "memory_total_bytes", "bytes", 1.0),
    ("sm_clock_mhz", "sm_clock_per_s", "per_s", 1e6),
    ("memory_clock_mhz", "memory_clock_per_s", "per_s", 1e6),
    ("power_mw", "power_watt", "watt", 1e-3),
    ("energy_mj", "energy_joule", "joule", 1e-3),
    ("sm_active_percent", "sm_active_share", "share", 0.01),
    ("sm_occupancy_percent", "sm_occupancy_share", "share", 0.01),
    ("tensor_active_percent", "tensor_active_share", "share", 0.01),
    ("dram_active_percent", "dram_active_share", "share", 0.01),
    ("temperature_celsius", "temperature_celsius", "celsius", 1.0),
    ("pcie_received_kb_per_s", "pcie_received_bytes_per_s", "per_s", 1e3),
    ("pcie_sent_kb_per_s", "pcie_sent_bytes_per_s", "per_s", 1e3),
)


def read_gpu(file: BinaryIO) -> tuple[Counter, ...]:
    """Return the counters of each GPU.

    Raises:
        DamagedFile: it is no file of ours, or is of a newer schema.
    """
    columns = Columns()
    limits: dict[int, Record] = {}
    hidden = False
    records = list(read_lines(file, FORMAT, SCHEMA))
    # The run's processes are known a moment after they use the GPU.
    own = frozenset(pid for record in records for pid in _pids(record.get("own")))
    for record in records:
        if "t" not in record:
            limits = _limits(record)
            hidden = record.get("pids_visible") is False
            continue
        for name, numbers in list(mapping(record.get("gpus")).items())[:GPUS]:
            if not (name.isascii() and name.isdigit() and len(name) < 4 and isinstance(numbers, dict)):
                continue
            gpu = int(name)
            _add_levels(columns, f"gpu{gpu}", record["t"], numbers)
            _add_shares(columns, f"gpu{gpu}", record["t"], (numbers, limits.get(gpu, {})))
            _add_others(columns, f"gpu{gpu}", record["t"], (_users(numbers), own, hidden))
    return columns.counters()


def _limits(header: Record) -> dict[int, Record]:
    found = {}
    gpus = header.get("gpus")
    for gpu in gpus[:GPUS] if isinstance(gpus, list) else ():
        index = whole(mapping(gpu).get("index"))
        if index is not None:
            found[index] = mapping(gpu)
    return found


def _add_levels(columns: Columns, gpu: str, time_ns: int, numbers: Record) -> None:
    for name, counter, unit, factor in LEVELS:
        value = number(numbers.get(name))
        columns.add(f"{gpu}_{counter}", unit, (time_ns, None if value is None else value * factor))


def _add_shares(columns: Columns, gpu: str, time_ns: int, both: tuple[Record, Record]) -> None:
    """Add clocks and power as shares of what this GPU can do, and whether it was held back."""
    numbers, limit = both
    for name, most, counter in (
        ("sm_clock_mhz", "sm_clock_max_mhz", "sm_clock_share"),
        ("memory_clock_mhz", "memory_clock_max_mhz", "memory_clock_share"),
        ("power_mw", "power_limit_mw", "power_share"),
    ):
        value, top = number(numbers.get(name)), number(limit.get(most))
        if value is not None and top:
            columns.add(f"{gpu}_{counter}", "share", (time_ns, value / top))
    reasons = whole(numbers.get("throttle_reasons"))
    if reasons is None:
        return
    for counter, mask in (
        ("throttled_share", HARMFUL_REASONS),
        ("power_throttled_share", POWER_REASONS),
        ("thermal_throttled_share", THERMAL_REASONS),
    ):
        columns.add(f"{gpu}_{counter}", "share", (time_ns, float(bool(reasons & mask))))


def _add_others(
    columns: Columns, gpu: str, time_ns: int, who: tuple[dict[int, int | None] | None, frozenset[int], bool]
) -> None:
    """Add how many processes of the run and of others use the GPU, and the others' memory where known."""
    users, own, hidden = who
    if users is None or (hidden and own.isdisjoint(users)):  # numbers of the host say nothing in a container
        return
    columns.add(f"{gpu}_own_processes", "count", (time_ns, float(len(own & users.keys()))))
    others = {pid: used for pid, used in users.items() if pid not in own}
    columns.add(f"{gpu}_other_processes", "count", (time_ns, float(len(others))))
    known = [used for used in others.values() if used is not None]
    if len(known) == len(others):
        columns.add(f"{gpu}_other_memory_bytes", "bytes", (time_ns, float(sum(known))))


def _users(numbers: Record) -> dict[int, int | None] | None:
    users = numbers.get("processes")
    if not isinstance(users, list):
        return None
    found: dict[int, int | None] = {}
    for user in users[:PROCESSES]:
        if isinstance(user, list) and len(user) == 2 and (pid := whole(user[0])) is not None:
            found[pid] = whole(user[1])
    return found


def _pids(value: object) -> frozenset[int]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(pid for item in value[:PROCESSES] if (pid := whole(item)) is not None)
