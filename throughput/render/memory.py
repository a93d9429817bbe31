"""Say in words how much memory a run took, of what limit, and what grows."""

from __future__ import annotations

from throughput import units
from throughput.model.memory import KeptAt, Memory, MemoryGrowth, ProcessMemory, TensorMemory
from throughput.render.labels import plain

Fact = tuple[str, str]
KEPT_LINES = 3
REST_SHARE = 0.1
"""Less of the growth is within what the two ways of measuring differ by."""
TRAINING, WORKER = "training process", "DataLoader worker"


def memory_rows(memory: Memory | None) -> tuple[Fact, ...]:
    """Return a run's memory as titles and values; empty where it was not sampled."""
    if memory is None:
        return ()
    rows = [
        ("Training process", "; ".join(_of_process(p) for p in memory.processes if p.role == TRAINING)),
        ("DataLoader workers", _workers([p for p in memory.processes if p.role == WORKER])),
        ("Shared memory of the machine, peak", units.size(memory.shared_memory_bytes)),
        ("Limit", _limit(memory)),
        ("Growth", growth(memory)),
        ("Kept where", "; ".join(kept(memory.growth))),
        ("Tensors after a step", "; ".join(_tensors(row) for row in memory.tensors)),
        ("Device memory", _device(memory)),
        *(
            (f"Allocated on {plain(row.device, 20)}", _allocated(row))
            for row in memory.tensors
            if row.allocated_peak_bytes is not None
        ),
    ]
    return tuple((title, value) for title, value in rows if value)


def memory_line(memory: Memory | None) -> str:
    """Return the largest process and the growth in one line; "" where memory was not sampled."""
    if memory is None or memory.rss_peak_bytes is None:
        return ""
    largest = f"{units.size(memory.rss_peak_bytes)} in the largest process"
    return f"{largest}, limit {_limit(memory)}; growth: {growth(memory)}"


def growth(memory: Memory) -> str:
    """Return the growth a step with its interval, and when the limit is reached at this rate."""
    found = memory.growth
    if found is None:
        reason = f": {plain(memory.growth_missing, 200)}" if memory.growth_missing else ""
        return f"{units.NOT_MEASURED}{reason}"
    span = f"{_signed(found.low)} to {_signed(found.high)} a step"
    if found.low <= 0:
        return f"none beyond its interval, {span}"
    whole = f"{plain(found.role, 40)}, {_signed(found.bytes_per_step)} a step ({span})"
    return whole + _end(found, memory.limit_bytes)


def kept(found: MemoryGrowth | None) -> tuple[str, ...]:
    """Return which lines keep more with each step, the most important first; empty where nobody looked."""
    if found is None or found.kept is None:
        return ()
    rest = found.bytes_per_step - found.kept.bytes_per_step
    lines = [_kept_at(line) for line in found.kept.lines[:KEPT_LINES]]
    if rest > REST_SHARE * found.bytes_per_step:
        held = (
            "by those graphs, or by C code"
            if any(x.graphs_per_step for x in found.kept.lines)
            else "by C code"
        )
        lines.append(f"{units.size(rest)} a step is held {held}: no line of Python allocates it")
    return tuple(lines)


def _kept_at(line: KeptAt) -> str:
    """Return one line's part in words."""
    at = f"{plain(line.file, 80)}:{line.line}"
    where = f"{at} ({plain(line.function, 60)})" if line.function else at
    parts = [f"{units.count(line.objects_per_step)} objects, {_signed(line.bytes_per_step)}"]
    if line.tensors_per_step:
        parts.append(f"{units.count(line.tensors_per_step)} of them tensors")
    if line.graphs_per_step:
        parts.append(f"{units.count(line.graphs_per_step)} with a graph")
    return f"{where} keeps more with each step: {', '.join(parts)}"


def _end(found: MemoryGrowth, limit: float | None) -> str:
    if not found.is_steady:
        return ", less and less or not all the time"
    if found.steps_to_limit is None:
        return ""
    steps = units.plural(round(found.steps_to_limit), "step")
    return f": at this rate the limit of {units.size(limit)} is reached in {steps}"


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else ''}{units.size(abs(value))}"


def _of_process(process: ProcessMemory) -> str:
    parts = [f"{units.size(process.rss_peak_bytes)} resident"]
    if process.shared_peak_bytes is not None:
        parts.append(f"{units.size(process.shared_peak_bytes)} of files and shared memory")
    if process.pss_bytes is not None:
        parts.append(f"proportional share {units.size(process.pss_bytes)}")
    return ", ".join(parts)


def _workers(found: list[ProcessMemory]) -> str:
    if not found:
        return ""
    shares = [p.pss_bytes for p in found if p.pss_bytes is not None]
    together = f", shares together {units.size(sum(shares))}" if len(shares) == len(found) else ""
    return f"{units.plural(len(found), 'process')}, the largest {_of_process(found[0])}{together}"


def _limit(memory: Memory) -> str:
    source = f" ({plain(memory.limit_source, 40)})" if memory.limit_source else ""
    return f"{units.size(memory.limit_bytes)}{source}"


def _device(memory: Memory) -> str:
    if memory.device_peak_bytes is None:
        return units.NOT_MEASURED
    return f"{units.size(memory.device_peak_bytes)} of {units.size(memory.device_total_bytes)} used at most"


def _tensors(row: TensorMemory) -> str:
    parts = (
        ("parameters", row.parameters_bytes),
        ("gradients", row.gradients_bytes),
        ("optimizer state", row.optimizer_bytes),
        ("others", row.other_bytes),
    )
    return f"{plain(row.device, 20)}: " + ", ".join(f"{name} {units.size(value)}" for name, value in parts)


def _allocated(row: TensorMemory) -> str:
    """Return what the allocator counted at its peak, and what of its memory lay idle."""
    peak, activations = units.size(row.allocated_peak_bytes), units.size(row.activations_bytes)
    held = "no parameter, gradient or optimizer state: activations and the like"
    parts = [f"{peak} at most, of that {activations} {held}"]
    if row.reserved_peak_bytes is not None:
        parts.append(f"{units.size(row.reserved_peak_bytes)} reserved at most")
    if row.split_bytes:
        parts.append(f"{units.size(row.split_bytes)} idle in blocks that are partly in use")
    if row.retries:
        parts.append(f"its cache was given back {units.plural(row.retries, 'time')} to get memory")
    parts.append(
        "the largest batch that fits needs a second point: a run with another batch, then report --against"
    )
    return "; ".join(parts)


def largest_batch(now: tuple[Memory | None, float | None], then: tuple[Memory | None, float | None]) -> str:
    """Return how many samples fit, from memory and mean batch of two runs; "" where that can't be told.

    What is allocated at most is taken as a fixed part and one for each sample.
    """
    (one, batch), (other, other_batch) = now, then
    if one is None or other is None or not batch or not other_batch or batch == other_batch:
        return ""
    peaks = {row.device: row.allocated_peak_bytes for row in other.tensors}
    found = []
    for row in one.tensors:
        before, peak, room = peaks.get(row.device), row.allocated_peak_bytes, one.device_total_bytes
        if not before or not peak or not room:
            continue
        each = (peak - before) / (batch - other_batch)
        fixed = peak - each * batch
        if each > 0 and 0 <= fixed < room:
            parts = f"{units.size(fixed)} and {units.size(each)} a sample"
            fits = f"some {units.count(int((room - fixed) / each))} samples fit into {units.size(room)}"
            found.append(f" Both say of {plain(row.device, 20)}: its tensors take {parts}, so {fits}.")
    return "".join(found)
