"""Show a saved benchmark as the report of a run, so that another run can be put beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from throughput.compare.student import point
from throughput.model.attribution import Hotspot, SplitRow
from throughput.model.benchmark import Benchmark, ProcessSample, SavedSpot
from throughput.model.category import CATEGORIES, Category, Source, State
from throughput.model.report import Headline, RankRow, Report, RunSummary, StepTime, Throughput
from throughput.model.run import Window

NORMAL_975 = 1.96


def report_of(benchmark: Benchmark) -> Report:
    """Return what a benchmark's figures say as a report: means over its processes, with their intervals."""
    return Report(
        headline=Headline(kind="none", sentence=""),
        run=_run(benchmark),
        throughput=_throughput(benchmark),
        split=_split(benchmark),
        hotspots=tuple(_hotspot(spot, step_ns(benchmark)) for spot in benchmark.hotspots),
        findings=(),
        ranks=_ranks(benchmark),
    )


def step_ns(benchmark: Benchmark) -> float:
    """Return the mean step of all processes, waits for a CPU included, as a report shows it."""
    return float(np.mean([_wall(sample) for sample in benchmark.processes]))


def last_scale(benchmark: Benchmark) -> float:
    """Return the mean step over that of the last process, whose stacks were kept."""
    return step_ns(benchmark) / _wall(benchmark.processes[-1])


def _wall(sample: ProcessSample) -> float:
    return float(sample.mean_ns + max(0, sample.starved_ns or 0))


def _throughput(benchmark: Benchmark) -> Throughput:
    walls = [_wall(sample) for sample in benchmark.processes]
    mean = float(np.mean(walls))
    half = _half(walls) if len(walls) > 1 else _half_within(benchmark.processes[0])
    low, high = max(mean - half, mean / 2), mean + half
    batch = benchmark.must_equal.get("batch_size")
    return Throughput(
        steps_per_s=1e9 / mean,
        low=1e9 / high,
        high=1e9 / low,
        samples_per_s=batch * 1e9 / mean if isinstance(batch, int | float) else None,
        step_ns=StepTime(
            median=float(np.mean([sample.median_ns for sample in benchmark.processes])),
            p95=max(walls),  # not kept, and of a baseline not shown: no step of a process is known
            mean=mean,
            low=low,
            high=high,
        ),
    )


def _half(values: Sequence[float]) -> float:
    """Return half the 95 % interval of the mean of several processes."""
    return point(0.95, len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _half_within(sample: ProcessSample) -> float:
    """Return half the 95 % interval of one process's mean, from its blocks of steps; 0 where it has none."""
    blocks = sample.blocks_ns
    return NORMAL_975 * float(np.std(blocks, ddof=1)) / math.sqrt(len(blocks)) if len(blocks) > 1 else 0.0


def _split(benchmark: Benchmark) -> tuple[SplitRow, ...]:
    no_device = benchmark.must_equal.get("device") == "cpu"
    return tuple(
        _unknown(category, State.NOT_APPLICABLE)
        if no_device and category is Category.HOST_TO_DEVICE
        else _row(category, benchmark.processes)
        for category in CATEGORIES
    )


def _unknown(category: Category, state: State) -> SplitRow:
    return SplitRow(
        category=category, share=None, low=None, high=None, ns_per_step=None, source=Source.NONE, state=state
    )


def _row(category: Category, processes: Sequence[ProcessSample]) -> SplitRow:
    values = [
        sample.starved_ns if category is Category.CPU_STARVED else sample.categories.get(category.value)
        for sample in processes
    ]
    pairs = zip(values, map(_wall, processes), strict=True)
    known = [(value, wall) for value, wall in pairs if value is not None]
    if not known:
        return _unknown(category, State.NOT_MEASURED)
    shares = [value / wall for value, wall in known]
    share, half = float(np.mean(shares)), _half(shares) if len(shares) > 1 else None
    return SplitRow(
        category=category,
        share=share,
        low=None if half is None else max(0.0, share - half),
        high=None if half is None else share + half,
        ns_per_step=float(np.mean([value for value, _ in known])),
        source=Source.TIMER,
        state=State.MEASURED,
    )


def _hotspot(spot: SavedSpot, step: float) -> Hotspot:
    half = max(_half(spot.each_ns) if len(spot.each_ns) > 1 else 0.0, float(spot.half_ns or 0))
    return Hotspot(
        rank=0,
        name=spot.name,
        file=spot.file,
        line=spot.line,
        function=spot.function,
        caller=None,
        process=spot.process,
        thread="",
        ranks=(),
        category=next((one for one in CATEGORIES if one.value == spot.category), Category.UNATTRIBUTED),
        ns_per_step=float(spot.ns_per_step),
        share=spot.ns_per_step / step,
        low=max(0.0, (spot.ns_per_step - half) / step),
        high=(spot.ns_per_step + half) / step,
        calls_per_step=spot.calls_per_step,
    )


def _run(benchmark: Benchmark) -> RunSummary:
    equal = benchmark.must_equal
    device = equal.get("device")
    environment = dict(benchmark.noted) | {name: equal.get(name) for name in ("cpu_model", "cpus")}
    if device is not None:
        environment |= {"device_used": device != "cpu", "device_name": None if device == "cpu" else device}
    asked = benchmark.options.get("steps")
    return RunSummary(
        run_id=benchmark.name,
        tool_version=benchmark.tool_version,
        command=benchmark.command,
        started_at=benchmark.saved_at,
        window=Window(
            asked=asked if isinstance(asked, int) else 0, clean=sum(s.steps for s in benchmark.processes)
        ),
        environment=environment,
        script_exit_code=None,
        collectors=(),
        ended="completed",
    )


def _ranks(benchmark: Benchmark) -> tuple[RankRow, ...]:
    number = benchmark.must_equal.get("world_size")
    several = number if isinstance(number, int) and 1 < number <= 100_000 else 0
    return tuple(RankRow(rank=rank, host="", split=(), throughput=None) for rank in range(several))
