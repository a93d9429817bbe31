"""Turn two timelines recorded in turns into a ratio of step times, and several pairs into an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from throughput.errors import ThroughputError
from throughput.model.timeline import Step, Timeline

TRIMMED = 0.15
"""Share of block pairs left out at each end: a neighbour's burst inside one block is neither side's cost."""
BLOCKS_MIN = 6
"""Fewer pairs of blocks have no spread worth the name."""
FRESH_STEPS_MIN = 10
"""Fewer steps of a process have no spread worth the name."""
STUDENT_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179)
"""97.5 % points of Student's t with 1 to 12 degrees of freedom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRatio:
    """What one pair of processes says: step time of the second over that of the first."""

    log_ratio: float
    blocks: int
    error: float
    """Standard error of the log ratio over its blocks."""
    first_ns: float
    second_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The ratio over all pairs of fresh processes, with its 95 % interval; a pair is the unit."""

    ratio: float
    low: float
    high: float
    pairs: int
    first_ns: float
    second_ns: float


def pair_ratio(first: Timeline, second: Timeline) -> PairRatio:
    """Return the ratio of two processes that ran in turns.

    Waiting for a CPU is left out: it is the neighbours' doing, and seen, so it need not be noise.

    Raises:
        ThroughputError: too few turns were taken.
    """
    costs = [block_costs(timeline) for timeline in (first, second)]
    count = min(len(cost) for cost in costs)
    if count < BLOCKS_MIN:
        raise ThroughputError(
            f"Only {count} turns were taken, {BLOCKS_MIN} are needed.", hint="Let it run for more steps."
        )
    logs = np.sort([math.log(b / a) for a, b in zip(*(cost[:count] for cost in costs), strict=True)])
    out = int(count * TRIMMED)
    kept = logs[out : count - out]
    return PairRatio(
        log_ratio=float(kept.mean()),
        blocks=count,
        error=float(kept.std(ddof=1) / math.sqrt(len(kept))),
        first_ns=float(np.mean(costs[0][:count])),
        second_ns=float(np.mean(costs[1][:count])),
    )


def fresh_ratio(first: Timeline, second: Timeline) -> PairRatio:
    """Return the ratio of two processes that ran one after the other, over the steps that both took.

    Raises:
        ThroughputError: too few steps were taken.
    """
    counts = [[step for step in timeline.steps if step.block.is_clean] for timeline in (first, second)]
    count = min(map(len, counts))
    if count < FRESH_STEPS_MIN:
        raise ThroughputError(
            f"Only {count} steps were timed, {FRESH_STEPS_MIN} are needed.", hint="Give it more --seconds."
        )
    means, errors = [], []
    for timeline, clean in zip((first, second), counts, strict=True):
        costs = np.array([s.duration_ns for s in clean[:count]], dtype=np.float64)
        means.append(max(1.0, float(costs.mean()) - _queued(timeline)(clean[:count]) / count))
        errors.append(float(costs.std(ddof=1)) / math.sqrt(count) / float(costs.mean()))
    return PairRatio(
        log_ratio=math.log(means[1] / means[0]),
        blocks=count,
        error=math.hypot(*errors),
        first_ns=means[0],
        second_ns=means[1],
    )


def per_samples(pair: PairRatio, first: Timeline, second: Timeline) -> PairRatio:
    """Return the ratio for equal samples instead of steps; as it is where samples were not seen."""
    sizes = [samples_of_a_step(timeline) for timeline in (first, second)]
    if sizes[0] is None or sizes[1] is None:
        return pair
    scale = sizes[0] / sizes[1]
    return replace(pair, log_ratio=pair.log_ratio + math.log(scale), second_ns=pair.second_ns * scale)


def samples_of_a_step(timeline: Timeline) -> float | None:
    """Return the mean number of samples in a clean step; None where batches were not seen."""
    sizes = [step.samples for step in timeline.steps if step.block.is_clean and step.samples]
    return float(np.mean(sizes)) if sizes else None


def block_costs(timeline: Timeline) -> list[float]:
    """Return the mean step of each turn, wall less run-queue wait, ns; warm-up is left out."""
    queued = _queued(timeline)
    return [
        max(1.0, (sum(s.duration_ns for s in turn) - queued(turn)) / len(turn)) for turn in turns_of(timeline)
    ]


def turns_of(timeline: Timeline) -> list[list[Step]]:
    """Return the clean steps of each whole turn."""
    clean = [step for step in timeline.steps if step.block.is_clean]
    turns: list[list[Step]] = [[]]
    for before, step in pairwise(clean):
        if before.end_ns != step.start_ns:
            turns.append([])
        turns[-1].append(step)
    whole = max((len(turn) for turn in turns), default=0)
    # The first and the last may be cut short.
    return [turn for turn in turns if len(turn) > whole // 2]


class _queued:  # noqa: N801 - reads as a function: run-queue wait of the training thread within some steps
    """The training thread's run-queue wait within a turn, ns."""

    def __init__(self, timeline: Timeline) -> None:
        segments = timeline.segments
        order = np.argsort(segments.start_ns, kind="stable")
        self._starts = segments.start_ns[order]
        self._sums = np.concatenate([[0], np.cumsum(np.maximum(segments.runq_ns[order], 0))])

    def __call__(self, turn: list[Step]) -> float:
        edges = np.searchsorted(self._starts, [turn[0].start_ns, turn[-1].end_ns])
        return float(self._sums[edges[1]] - self._sums[edges[0]])


def combined(pairs: Sequence[PairRatio]) -> Ratio:
    """Return the mean over pairs of processes, with Student's interval; of one pair, that of its blocks.

    Raises:
        ValueError: there is no pair.
    """
    if not pairs:
        raise ValueError("no pair to combine")
    logs = np.array([pair.log_ratio for pair in pairs])
    middle = float(logs.mean())
    if len(pairs) == 1:
        half = 1.96 * pairs[0].error
    else:
        point = STUDENT_975[min(len(pairs) - 1, len(STUDENT_975)) - 1]
        half = point * float(logs.std(ddof=1)) / math.sqrt(len(pairs))
    return Ratio(
        ratio=math.exp(middle),
        low=math.exp(middle - half),
        high=math.exp(middle + half),
        pairs=len(pairs),
        first_ns=float(np.mean([pair.first_ns for pair in pairs])),
        second_ns=float(np.mean([pair.second_ns for pair in pairs])),
    )
