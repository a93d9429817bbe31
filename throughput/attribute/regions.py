"""Split clean steps by the script's own ranges and by category: rows sum to the regions, all to the step.

A region's time is timed. Its categories are estimated from the stacks that were sampled inside it, then
fitted so that each category has the time that it has in the split.
"""

from __future__ import annotations

import numpy as np

from throughput.attribute.classify import Doing
from throughput.attribute.intervals import Floats, ratio_interval
from throughput.attribute.split import COLUMN, Split, block_length, phase_shares
from throughput.attribute.view import PHASES, CleanView
from throughput.model.category import CATEGORIES, Category, Phase
from throughput.model.timeline import Ints
from throughput.model.work import RegionPart, RegionRow

ROWS_MAX = 30
SAMPLES_MIN = 30
"""Fewer stacks inside a region say less than those of all steps in the same phase."""
ROUNDS = 50
"""Fitting to rows and columns in turns halves what is left of the difference each time, or better."""
TRACE = 1e-9
"""Where a region shows nothing of a category that has time, it may still hold some of it."""


def region_rows(view: CleanView, split: Split) -> tuple[RegionRow, ...]:
    """Return the regions of the clean steps, the costliest first; none where the script has no ranges."""
    count = len(view.timeline.regions)
    if count < 2 or not view.seg_region.any():
        return ()
    times = _times(view, count)
    totals = split.parts.sum(axis=0).astype(np.float64)
    table = _fitted(_seed(view, split, count), times.sum(axis=0).astype(np.float64), totals)
    steps = len(view.steps)
    floats = times.astype(np.float64)
    low, high = ratio_interval(floats, view.durations.astype(np.float64), block_length(view))
    whole = float(view.durations.sum())
    rows = [
        RegionRow(
            name=" / ".join(view.timeline.regions[n]),
            ns_per_step=float(times[:, n].sum()) / steps,
            share=float(times[:, n].sum()) / whole,
            low=float(low[n]),
            high=float(high[n]),
            parts=tuple(
                RegionPart(category=category, ns_per_step=float(table[n, number]) / steps)
                for category, number in COLUMN.items()
                if table[n, number] > 0
            ),
        )
        for n in range(count)
        if times[:, n].any()
    ]
    return tuple(sorted(rows, key=lambda row: -row.ns_per_step)[:ROWS_MAX])


def _times(view: CleanView, count: int) -> Ints:
    """Return each step's time in each region, shape (steps, regions); what no segment covers lies outside."""
    table = np.zeros((len(view.steps), count), dtype=np.int64)
    np.add.at(table, (view.seg_step, view.seg_region), view.seg_end - view.seg_start)
    table[:, 0] += view.durations - table.sum(axis=1)
    return np.maximum(table, 0)


def _seed(view: CleanView, split: Split, count: int) -> Floats:
    """Return the categories of each region before they are fitted, shape (regions, categories)."""
    wall = np.zeros((count, PHASES), dtype=np.float64)
    queued = np.zeros((count, PHASES), dtype=np.float64)
    np.add.at(wall, (view.seg_region, view.seg_phase), view.seg_end - view.seg_start)
    np.add.at(queued, (view.seg_region, view.seg_phase), np.maximum(view.seg_runq, 0))
    weights = _weights(view, count)
    samples = _samples(view, count)
    table = np.full((count, len(CATEGORIES)), TRACE * float(view.durations.sum()))
    for region in range(count):
        for phase in Phase:
            waited = min(queued[region, phase], wall[region, phase])
            rest = wall[region, phase] - waited
            table[region, COLUMN[Category.CPU_STARVED]] += waited
            whole = weights[:, phase].sum(axis=0)
            own = weights[region, phase] if samples[region] >= SAMPLES_MIN else whole
            own = own if own.sum() else whole
            compute = _compute(own, whole, float(split.compute_share[phase]))
            for category, share in phase_shares(phase, own, compute).items():
                table[region, COLUMN[category]] += rest * share
            table[region, COLUMN[Category.LOCK_CONTENTION]] += rest * own[Doing.LOCK] / max(own.sum(), 1)
    return table


def _compute(own: Ints, whole: Ints, share: float) -> float:
    """Return what operators take of a region's torch and Python time: more where more of it is in torch."""
    parts = [float(w[Doing.TORCH]) / float(max(w[Doing.TORCH] + w[Doing.PYTHON], 1)) for w in (own, whole)]
    return min(1.0, share * parts[0] / parts[1]) if parts[1] > 0 else share


def _weights(view: CleanView, count: int) -> Ints:
    """Return the sampled time by region, phase and what was done."""
    samples = view.timeline.samples
    table = np.zeros((count, PHASES, len(Doing)), dtype=np.int64)
    region = _region_of_stretches(view)
    known = region >= 0
    phase = np.clip(samples.phase[view.stretch], 0, PHASES - 1)
    np.add.at(table, (region[known], phase[known], view.doing[known]), view.stretch_ns[known])
    return table


def _region_of_stretches(view: CleanView) -> Ints:
    samples = view.timeline.samples
    segment = view.segment_at((samples.start_ns[view.stretch] + samples.end_ns[view.stretch]) // 2)
    return np.where(segment >= 0, view.seg_region[np.maximum(segment, 0)], -1)


def _samples(view: CleanView, count: int) -> Ints:
    """Return how many stacks were sampled in each region."""
    region = _region_of_stretches(view)
    table = np.zeros(count, dtype=np.int64)
    np.add.at(table, region[region >= 0], view.timeline.samples.count[view.stretch][region >= 0])
    return table


def _fitted(table: Floats, rows: Floats, columns: Floats) -> Floats:
    """Return the table scaled to the sums of its columns and, exactly, of its rows."""
    table = table * (columns > 0)
    for _ in range(ROUNDS):
        sums = table.sum(axis=0)
        table = table * np.divide(columns, sums, out=np.zeros_like(columns), where=sums > 0)
        sums = table.sum(axis=1)
        table = table * np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)[:, None]
    return table
