"""Turn an analysed run into what one fresh process measured, and several into a benchmark's figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from throughput.compare.counted import counts_of
from throughput.compare.counting import merged
from throughput.errors import NotComparable
from throughput.model.attribution import Hotspot, StepBreakdown
from throughput.model.benchmark import ProcessSample, SavedCount, SavedSpot
from throughput.model.category import Category
from throughput.model.report import Analysis, Report

BLOCKS = 20
"""Medians of so many blocks show drift within a process, and keep a benchmark's file small."""
NOTED = (
    "python_version", "torch_version", "cuda_version", "gpu_driver", "os", "kernel", "cpu_governor",
    "cpu_count", "cpu_quota", "memory_bytes", "torch_num_threads", "deterministic", "env",
)  # fmt: skip
"""Of the environment: what bears on speed without making numbers incomparable; no machine's name."""

DEVICE_MEMORY = re.compile(r"gpu\d+_memory_used_bytes")


def sample_of(analysis: Analysis) -> ProcessSample:
    """Return what a run measured over its clean steps, of the mean rank.

    Raises:
        NotComparable: it has no timed step.
    """
    report = analysis.report
    if report.throughput is None:
        raise NotComparable(
            f"The run {report.run.run_id} has no timed step, so there is nothing to compare.",
            hint="Profile it again, with more steps.",
        )
    ranks = [facts.attribution.steps for facts in analysis.facts if facts.attribution.steps]
    times = report.throughput.step_ns
    categories = {
        row.category.value: round(row.ns_per_step)
        for row in report.split
        if row.ns_per_step is not None and row.category is not Category.CPU_STARVED
    }
    costs = [worked_ns(steps) for steps in ranks]
    return ProcessSample(
        steps=report.run.window.clean or sum(len(cost) for cost in costs[:1]),
        mean_ns=max(1, round(float(np.mean([cost.mean() for cost in costs])) if costs else times.mean)),
        median_ns=round(float(np.mean([np.median(cost) for cost in costs])) if costs else times.median),
        categories=categories,
        blocks_ns=_blocks(costs[0]) if costs else (),
        starved_ns=round(float(np.mean([_starved(steps) for steps in ranks]))) if ranks else None,
        samples_per_s=_rounded(report.throughput.samples_per_s, 4),
        memory_peak_bytes=_peak(analysis),
        device_memory_peak_bytes=_device_peak(analysis),
        startup_ms=None if report.startup_s is None else round(report.startup_s * 1e3),
        first_batch_ms=None if report.first_batch_s is None else round(report.first_batch_s * 1e3),
    )


def worked_ns(steps: Sequence[StepBreakdown]) -> Any:
    """Return each step's wall time less its waits for a CPU, ns: those are the neighbours' doing."""
    return np.array(
        [step.duration_ns - step.parts_ns.get(Category.CPU_STARVED, 0) for step in steps], dtype=np.float64
    )


def must_equal(analysis: Analysis) -> dict[str, Any]:
    """Return what must be equal for numbers to be comparable; None where it is not known."""
    report = analysis.report
    environment = report.run.environment
    facts = analysis.facts[0].timeline.facts if analysis.facts else {}
    used = environment.get("device_used")
    return {
        "cpu_model": environment.get("cpu_model"),
        "cpus": environment.get("cpus"),
        "device": environment.get("device_name") if used else "cpu" if used is False else None,
        "devices": _devices(analysis) if used else 0 if used is False else None,
        "world_size": facts.get("world_size") or max(1, len(report.ranks)),
        "batch_size": batch_size(report),
        "dtype": facts.get("default_dtype"),
        "python": _minor(environment.get("python_version")),
        "torch": _minor(environment.get("torch_version")),
    }


def noted(report: Report) -> dict[str, Any]:
    """Return what of the environment bears on speed and is known."""
    found = {name: report.run.environment.get(name) for name in NOTED}
    return {name: value for name, value in found.items() if value not in (None, {}, [])}


def batch_size(report: Report) -> float | None:
    """Return the mean number of samples in a step; None where no batch was seen."""
    speed = report.throughput
    if speed is None or speed.samples_per_s is None or not speed.steps_per_s:
        return None
    return round(speed.samples_per_s / speed.steps_per_s, 1)


def counted(analyses: Sequence[Analysis]) -> tuple[SavedCount, ...]:
    """Return what the first rank of each run counted, merged."""
    return merged([counts_of(one.facts[0].timeline) if one.facts else () for one in analyses])


def spots(analyses: Sequence[Analysis]) -> tuple[SavedSpot, ...]:
    """Return the hotspots of several runs, by their mean time a step; 0 where a run doesn't list one."""
    groups: dict[tuple[str, str, str, str], list[list[Hotspot]]] = {}
    for number, analysis in enumerate(analyses):
        for spot in analysis.report.hotspots:
            key = (spot.name, spot.file, spot.function, spot.process)
            groups.setdefault(key, [[] for _ in analyses])[number].append(spot)
    found = [_spot(runs) for runs in groups.values()]
    return tuple(sorted(found, key=lambda spot: (-spot.ns_per_step, spot.name)))


def _spot(runs: Sequence[Sequence[Hotspot]]) -> SavedSpot:
    every = [spot for run in runs for spot in run]
    largest = max(every, key=lambda spot: spot.ns_per_step)
    each = tuple(round(sum(spot.ns_per_step for spot in run)) for run in runs)
    halves = [(s.high - s.low) / 2 * s.ns_per_step / s.share for s in every if s.share > 0]
    return SavedSpot(
        name=largest.name,
        file=largest.file,
        line=largest.line,
        function=largest.function,
        process=largest.process,
        category=largest.category.value,
        ns_per_step=round(sum(each) / len(each)),
        half_ns=round(max(halves)) if halves and np.isfinite(halves).all() else None,
        each_ns=each,
        calls_per_step=_rounded(largest.calls_per_step, 4),
    )


def _blocks(cost: Any) -> tuple[int, ...]:
    parts = np.array_split(cost, min(BLOCKS, len(cost)))
    return tuple(round(float(np.median(part))) for part in parts)


def _starved(steps: Sequence[StepBreakdown]) -> float:
    return sum(step.parts_ns.get(Category.CPU_STARVED, 0) for step in steps) / len(steps)


def _peak(analysis: Analysis) -> int | None:
    """Return the training process's peak of resident memory; sampled, or as the process itself said."""
    memory = analysis.report.memory
    known = None if memory is None else memory.rss_peak_bytes
    said = analysis.facts[0].timeline.facts.get("max_rss_kib") if analysis.facts else None
    if isinstance(said, int):
        return said * 1024
    return None if known is None else round(known)


def _device_peak(analysis: Analysis) -> int | None:
    """Return the most memory that was in use on one device, other processes' included; None without one."""
    counters = analysis.facts[0].timeline.counters if analysis.facts else ()
    found = [c for c in counters if DEVICE_MEMORY.fullmatch(c.name) and len(c.value)]
    return round(max(float(np.max(c.value)) for c in found)) if found else None


def _devices(analysis: Analysis) -> int | None:
    seen = {int(n) for facts in analysis.facts for n in np.unique(facts.timeline.device_work.device)}
    return max(len(seen), len(analysis.facts)) or None


def _minor(version: object) -> str | None:
    """Return "3.11" of "3.11.7": patch releases and build tags don't change speed as a rule."""
    return ".".join(str(version).split("+")[0].split(".")[:2]) if version else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else float(f"{value:.{digits}g}") if value else 0.0
