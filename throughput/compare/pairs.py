"""Turn the two sides of one pair of fresh processes into a pair's value: the step and its components."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from throughput.compare.lockstep import BLOCKS_MIN, TRIMMED, turns_of
from throughput.errors import ScriptFailed
from throughput.model.attribution import StepBreakdown
from throughput.model.benchmark import ProcessSample
from throughput.model.category import Category
from throughput.model.timeline import Step, Timeline

Floats = npt.NDArray[np.float64]
COMPUTE_AND_HOST = "compute_and_host"
"""What light timers alone can't divide: operators, other Python, sleeping."""
UNDIVIDED = frozenset(
    {Category.COMPUTE, Category.HOST_WORK, Category.IDLE, Category.UNATTRIBUTED, Category.OTHER_MEMORY}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One side of a pair: its timeline, and its clean steps divided."""

    timeline: Timeline
    steps: tuple[StepBreakdown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSample:
    """What one pair of fresh processes says; times are ns a step, less waits for a CPU."""

    log_ratio: float
    error: float | None
    """Standard error over the pair's turns; None where the processes ran one after the other."""
    base_ns: float
    head_ns: float
    turns: int = 1
    parts: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Component -> base's ns a step, and how much more head takes."""
    starved: tuple[float, float] = (0.0, 0.0)
    """Share of each side's time that went into waiting for a CPU."""
    samples: tuple[float | None, float | None] = (None, None)
    """Mean batch of each side."""
    memory: tuple[float | None, float | None] = (None, None)
    """Peak resident memory of each side's training process, bytes."""


def in_turns(base: Recorded, head: Recorded) -> PairSample:
    """Return what two processes that took turns say, turn by turn.

    Raises:
        ScriptFailed: too few turns were taken.
    """
    turns = [turns_of(side.timeline) for side in (base, head)]
    count = min(len(side) for side in turns)
    if count < BLOCKS_MIN:
        raise ScriptFailed(
            f"Only {count} turns were taken, {BLOCKS_MIN} are needed.",
            hint="Let the script run for more steps: give it more epochs, or more data.",
        )
    tables = [_table(side, taken[:count]) for side, taken in zip((base, head), turns, strict=True)]
    totals = [np.array([sum(row.values()) for row in table]) for table in tables]
    kept = _trimmed(np.log(np.maximum(totals[1], 1.0) / np.maximum(totals[0], 1.0)))
    names = sorted({name for table in tables for row in table for name in row})
    return PairSample(
        log_ratio=float(kept.mean()),
        error=float(kept.std(ddof=1) / math.sqrt(len(kept))),
        base_ns=float(totals[0].mean()),
        head_ns=float(totals[1].mean()),
        turns=count,
        parts={name: _part(tables, name) for name in names},
        starved=(_starved(base.steps), _starved(head.steps)),
        samples=(_samples(base.timeline), _samples(head.timeline)),
        memory=(_memory(base.timeline), _memory(head.timeline)),
    )


def one_after_the_other(base: ProcessSample, head: ProcessSample) -> PairSample:
    """Return what two whole processes say that ran one after the other."""
    names = sorted({component(name) for side in (base, head) for name in side.categories})
    before, now = _components(base), _components(head)
    return PairSample(
        log_ratio=math.log(head.mean_ns / base.mean_ns),
        error=None,
        base_ns=float(base.mean_ns),
        head_ns=float(head.mean_ns),
        parts={name: (before.get(name, 0.0), now.get(name, 0.0) - before.get(name, 0.0)) for name in names},
        starved=(starved_share(base), starved_share(head)),
        memory=(base.memory_peak_bytes, head.memory_peak_bytes),
    )


def starved_share(sample: ProcessSample) -> float:
    """Return the share of a process's time that went into waiting for a CPU; 0 where it was not measured."""
    starved = sample.starved_ns or 0
    return starved / (sample.mean_ns + starved)


def component(category: str) -> str:
    """Return the component that a category belongs to where only light timers ran."""
    return COMPUTE_AND_HOST if category in {one.value for one in UNDIVIDED} else category


def _components(sample: ProcessSample) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in sample.categories.items():
        found[component(name)] = found.get(component(name), 0.0) + value
    return found


def _table(side: Recorded, turns: Sequence[Sequence[Step]]) -> list[dict[str, float]]:
    """Return for each turn its components, ns a step."""
    parts = {one.index: one.parts_ns for one in side.steps}
    rows = []
    for turn in turns:
        row: dict[str, float] = {}
        for step in turn:
            for category, value in parts.get(step.index, {Category.UNATTRIBUTED: step.duration_ns}).items():
                if category is not Category.CPU_STARVED:
                    name = component(category.value)
                    row[name] = row.get(name, 0.0) + value / len(turn)
        rows.append(row)
    return rows


def _part(tables: Sequence[Sequence[dict[str, float]]], name: str) -> tuple[float, float]:
    """Return a component's mean time on the base side, and the trimmed mean of what head takes more."""
    before, now = (np.array([row.get(name, 0.0) for row in table]) for table in tables)
    return float(before.mean()), float(_trimmed(now - before).mean())


def _trimmed(values: Floats) -> Floats:
    """Return the values without the outermost at both ends: a neighbour's burst is neither side's cost."""
    out = int(len(values) * TRIMMED)
    return np.sort(values)[out : len(values) - out]


def _starved(steps: Sequence[StepBreakdown]) -> float:
    total = sum(step.duration_ns for step in steps)
    return sum(step.parts_ns.get(Category.CPU_STARVED, 0) for step in steps) / total if total else 0.0


def _samples(timeline: Timeline) -> float | None:
    seen = [step.samples for step in timeline.steps if step.block.is_clean and step.samples]
    return sum(seen) / len(seen) if seen else None


def _memory(timeline: Timeline) -> float | None:
    peak = timeline.facts.get("max_rss_kib")
    return peak * 1024.0 if isinstance(peak, int) else None
