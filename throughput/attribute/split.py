"""Split each clean step among the categories: timers and locks first, then what stacks and operators show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from throughput.attribute.classify import WAITING, Doing
from throughput.attribute.device import DeviceShares, device_shares, operator_time, standing
from throughput.attribute.intervals import Coverage, Floats, ratio_interval
from throughput.attribute.view import PHASES, CleanView, doing_weights
from throughput.attribute.waits import LockTime
from throughput.model.attribution import SplitRow, StepBreakdown
from throughput.model.category import CATEGORIES, Block, Category, Phase, Source, State
from throughput.model.run import CollectorStatus
from throughput.model.timeline import DEVICE_KINDS, Ints, Timeline

COLUMN = {category: number for number, category in enumerate(CATEGORIES)}
WHOLE_PHASES = {
    Phase.LOADER: Category.DATA_LOADING,
    Phase.COPY: Category.HOST_TO_DEVICE,
    Phase.PIN: Category.HOST_TO_DEVICE,
    Phase.SYNC: Category.SYNCHRONIZATION,
    Phase.COLLECTIVE: Category.COMMUNICATION,
    Phase.SAVE: Category.LOGGING_CHECKPOINT,
    Phase.PRINT: Category.LOGGING_CHECKPOINT,
}
"""Phases whose time, less starvation and locks, is one category's."""
DOING_CATEGORY = {
    Doing.LOGGING: Category.LOGGING_CHECKPOINT,
    Doing.LOADING: Category.DATA_LOADING,
    Doing.WAIT: Category.DATA_LOADING,
    Doing.SLEEP: Category.IDLE,
    Doing.COLLECTIVE: Category.COMMUNICATION,
    Doing.COMPILING: Category.HOST_WORK,
    Doing.AWAIT: Category.HOST_WORK,
}
"""Of the mixed phases; torch and Python are divided by the operators."""
WINDOW_STEPS_FOR_BLOCKS = 3.0
"""Block length of the bootstrap grows with the cube root of the number of steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The steps' parts, and for each phase how its mixed time divides, shape (phases, doings + 1)."""

    parts: Ints
    """Shape (steps, categories); each row sums to the step's duration."""
    compute_share: Floats
    """Of a phase's torch and Python time: what operators took."""
    remaining: Ints
    """Time a phase keeps after starvation and locks, over all steps; shape (phases,). What the device sends
    while the training thread is in the call that copies is that call's."""
    counts: Ints
    locks: LockTime
    device: DeviceShares | None = None
    """What the device did in the torch block; None on a CPU run, or where that was not recorded."""


def split_steps(view: CleanView, locks: LockTime) -> Split:
    """Return every clean step, split."""
    wall = view.of_segments(view.seg_end - view.seg_start)
    runq = np.minimum(view.of_segments(np.maximum(view.seg_runq, 0)), wall)
    lock = np.minimum(locks.total, wall - runq)
    waiting = np.minimum(collective_waits(view), wall - runq - lock)
    remaining = wall - runq - lock - waiting
    weights, counts = doing_weights(view)
    weights[Phase.REST] = _without_locks(weights[Phase.REST], locks.sampled_ns)
    device = device_shares(view.timeline, wall.mean(axis=0))
    compute = _compute_shares(view, weights, device)
    parts = np.zeros((len(view.steps), len(CATEGORIES)), dtype=np.float64)
    host = device.host if device else np.ones(PHASES)
    if device:
        for number, category in enumerate(DEVICE_KINDS):
            parts[:, COLUMN[category]] += wall @ device.of_phase[:, number]
    parts[:, COLUMN[Category.CPU_STARVED]] += runq @ host
    parts[:, COLUMN[Category.LOCK_CONTENTION]] += lock @ host
    parts[:, COLUMN[Category.COMMUNICATION]] += waiting @ host
    remaining = np.rint(remaining * host).astype(np.int64)
    for phase in Phase:
        for category, share in phase_shares(phase, weights[phase], compute[phase]).items():
            parts[:, COLUMN[category]] += remaining[:, phase] * share
    blamed = remaining.sum(axis=0)
    if device:
        sent = device.of_phase[Phase.COPY, DEVICE_KINDS.index(Category.HOST_TO_DEVICE)]
        blamed[Phase.COPY] += round(float(wall[:, Phase.COPY].sum() * sent))
    return Split(
        parts=_whole(parts, view.durations),
        compute_share=compute,
        remaining=blamed,
        counts=counts,
        locks=locks,
        device=device,
    )


def _without_locks(weights: Ints, in_locks_ns: int) -> Ints:
    """Return what was done with a part of the waits for other threads counted as waits for locks."""
    waits = weights[list(WAITING)].sum()
    part = min(1.0, in_locks_ns / waits) if waits else 0.0
    less: Ints = weights.copy()
    less[list(WAITING)] = np.rint(weights[list(WAITING)] * (1 - part)).astype(np.int64)
    less[Doing.LOCK] += waits - less[list(WAITING)].sum()
    return less


def collective_waits(view: CleanView) -> Ints:
    """Return the time in which backward was blocked, on a rank among several: its gradient synchronisation.

    Shape (steps, phases). The reducer's collectives run in threads of C code; what the training thread does
    there is wait, which schedstat shows as neither running nor queued. With a device it waits for the thread
    that dispatches to it instead, and kernels show the collectives.
    """
    facts = view.timeline.facts
    if int(facts.get("world_size") or 1) < 2 or facts.get("device_used"):
        return np.zeros((len(view.steps), PHASES), dtype=np.int64)
    blocked = view.seg_end - view.seg_start - view.seg_cpu - np.maximum(view.seg_runq, 0)
    return view.of_segments(np.where(view.seg_phase == int(Phase.BACKWARD), np.maximum(blocked, 0), 0))


def phase_shares(phase: Phase, weights: Ints, compute: float) -> dict[Category, float]:
    """Return how the remaining time of a phase divides among categories; sums to 1."""
    if phase in WHOLE_PHASES:
        return {WHOLE_PHASES[phase]: 1.0}
    seen = weights.astype(np.float64)
    seen[Doing.LOCK] = 0.0
    total = seen.sum()
    if not total:
        if np.isnan(compute):
            return {Category.UNATTRIBUTED: 1.0}
        return {Category.COMPUTE: compute, Category.HOST_WORK: 1.0 - compute}
    shares: dict[Category, float] = {}
    for doing, category in DOING_CATEGORY.items():
        shares[category] = shares.get(category, 0.0) + seen[doing] / total
    mixed = (seen[Doing.TORCH] + seen[Doing.PYTHON]) / total
    if mixed:
        shares[Category.COMPUTE] = mixed * compute
        shares[Category.HOST_WORK] += mixed * (1.0 - compute)
    return shares


def _compute_shares(view: CleanView, weights: Ints, device: DeviceShares | None) -> Floats:
    """Return for each phase which share of its torch and Python time operators took.

    From the operators of the torch block where there is one; else stacks: a leaf in torch counts as operator.
    On a run with a device it is of the time in which that did nothing, and dispatching to it doesn't count.
    """
    timeline = view.timeline
    seen = weights.astype(np.float64)
    mixed = seen[:, Doing.TORCH] + seen[:, Doing.PYTHON]
    by_stacks = np.divide(seen[:, Doing.TORCH], mixed, out=np.full(PHASES, np.nan), where=mixed > 0)
    operators = timeline.operators
    if not len(operators.start_ns):
        return np.asarray(by_stacks, dtype=np.float64)
    covered, wall = operator_time(timeline, device) if device else _operator_time(timeline)
    total = seen.sum(axis=1) - seen[:, Doing.LOCK]
    mixed_share = np.divide(mixed, total, out=np.ones(PHASES), where=total > 0)
    busy = np.divide(covered, wall, out=np.full(PHASES, np.nan), where=wall > 0)
    by_operators = np.divide(busy, mixed_share, out=np.full(PHASES, np.nan), where=mixed_share > 0)
    chosen = np.where(np.isnan(by_operators), by_stacks, by_operators)
    return np.asarray(np.minimum(chosen, 1.0), dtype=np.float64)


def _operator_time(timeline: Timeline) -> tuple[Floats, Floats]:
    """Return operator time and running time by phase over the torch block's steps."""
    block = [s for s in timeline.steps if s.block is Block.TORCH]
    segments = timeline.segments
    inside = np.zeros(len(segments.start_ns), dtype=bool)
    for step in block:
        inside |= (segments.start_ns >= step.start_ns) & (segments.end_ns <= step.end_ns)
    phase = np.clip(segments.phase[inside], 0, PHASES - 1)
    start, end = segments.start_ns[inside], segments.end_ns[inside]
    operators = Coverage(timeline.operators.start_ns, timeline.operators.end_ns)
    covered = np.bincount(phase, weights=operators.within(start, end), minlength=PHASES)[:PHASES]
    # The time that the operators are a share of is without waits for locks, as in the clean steps.
    mine = timeline.lock_waits.track == timeline.main_track
    locked = Coverage(timeline.lock_waits.start_ns[mine], timeline.lock_waits.end_ns[mine]).within(start, end)
    running = end - start - np.maximum(segments.runq_ns[inside], 0) - locked
    wall = np.bincount(phase, weights=np.maximum(running, 0), minlength=PHASES)[:PHASES]
    return np.minimum(covered, wall).astype(np.float64), wall.astype(np.float64)


def _whole(parts: Floats, durations: Ints) -> Ints:
    """Return integer parts that sum to the durations; what rounding and gaps leave is unattributed."""
    floor = np.floor(np.maximum(parts, 0.0)).astype(np.int64)
    excess = floor.sum(axis=1) - durations
    for row in np.flatnonzero(excess > 0):
        over = int(excess[row])
        for column in np.argsort(-floor[row]):
            taken = min(over, int(floor[row, column]))
            floor[row, column] -= taken
            over -= taken
            if not over:
                break
    floor[:, COLUMN[Category.UNATTRIBUTED]] += durations - floor.sum(axis=1)
    return floor


def nothing() -> tuple[SplitRow, ...]:
    """Return a split in which nothing was measured."""
    return tuple(
        SplitRow(
            category=category,
            share=None,
            low=None,
            high=None,
            ns_per_step=None,
            source=Source.NONE,
            state=State.NOT_MEASURED,
            reason="no step was measured",
        )
        for category in CATEGORIES
    )


def breakdowns(view: CleanView, split: Split) -> tuple[StepBreakdown, ...]:
    """Return the steps as values that check their sums."""
    return tuple(
        StepBreakdown(
            index=step.index,
            duration_ns=step.duration_ns,
            parts_ns={category: int(row[number]) for category, number in COLUMN.items() if row[number]},
        )
        for step, row in zip(view.steps, split.parts, strict=True)
    )


def split_rows(
    view: CleanView, split: Split, collectors: Mapping[str, CollectorStatus]
) -> tuple[SplitRow, ...]:
    """Return each category's mean share with its interval, source and state."""
    durations = view.durations.astype(np.float64)
    low, high = ratio_interval(split.parts.astype(np.float64), durations, block_length(view))
    shares = split.parts.sum(axis=0) / durations.sum()
    noise = _sampling_noise(split, float(durations.sum()))
    rows = []
    for category, number in COLUMN.items():
        share = float(shares[number])
        source, state, reason = _standing(category, view, collectors, share)
        if split.device or view.timeline.facts.get("device_used"):
            by_host = (source, state, reason)
            source, state, reason = standing(category, by_host, split.device, bool(share))
        if state not in SHOWN and shares[number]:  # seen by a timer all the same: the shares must sum to 1
            source, state = Source.TIMER, State.PARTIAL
        shown = state in SHOWN
        spread = noise if category in MIXED else 0.0
        if split.device and category in DEVICE_KINDS:
            spread += float(split.device.spread[DEVICE_KINDS.index(category)])
        rows.append(
            SplitRow(
                category=category,
                share=float(shares[number]) if shown else None,
                low=max(0.0, float(low[number] - spread)) if shown else None,
                high=min(1.0, float(high[number] + spread)) if shown else None,
                ns_per_step=float(split.parts[:, number].mean()) if shown else None,
                source=source if shown else Source.NONE,
                state=state,
                reason=reason,
            )
        )
    return tuple(rows)


SHOWN = (State.MEASURED, State.PARTIAL)
MIXED = (Category.COMPUTE, Category.HOST_WORK, Category.LOGGING_CHECKPOINT, Category.IDLE)
"""Categories whose share comes from samples; their interval holds the sampling error too."""


def block_length(view: CleanView) -> int:
    """Return the bootstrap's block: batches come in bursts of the loader's queue."""
    queue = max(((x.prefetch_factor or 0) * x.num_workers for x in view.timeline.loaders), default=0)
    return int(
        max(round(len(view.steps) ** (1 / WINDOW_STEPS_FOR_BLOCKS)), min(queue, len(view.steps) // 4), 1)
    )


def _sampling_noise(split: Split, total: float) -> float:
    """Return 1.96 standard errors of a share of the mixed phases, at its worst (a half)."""
    mixed = [p for p in Phase if p not in WHOLE_PHASES]
    variance = 0.0
    for phase in mixed:
        count = max(int(split.counts[phase].sum()), 1)
        variance += (split.remaining[phase] / total) ** 2 * 0.25 / count
    return float(1.96 * np.sqrt(variance))


def _standing(
    category: Category, view: CleanView, collectors: Mapping[str, CollectorStatus], share: float
) -> tuple[Source, State, str | None]:
    """Return what a category's figure comes from and what it is worth."""
    on_device = bool(view.timeline.facts.get("device_used")) or bool(len(view.timeline.device_work.kind))
    if category is Category.CPU_STARVED:
        if (view.seg_runq < 0).all():
            return Source.NONE, State.NOT_MEASURED, "this kernel has no /proc/self/schedstat"
        return Source.SCHEDSTAT, State.MEASURED, None
    if category is Category.LOCK_CONTENTION:
        return _lock_standing(collectors, share)
    if (
        category in (Category.HOST_TO_DEVICE, Category.SYNCHRONIZATION, Category.OTHER_MEMORY)
        and not on_device
    ):
        return Source.NONE, State.NOT_APPLICABLE, "no device"
    if category is Category.COMMUNICATION and not share and not view.timeline.facts.get("world_size"):
        return Source.NONE, State.NOT_APPLICABLE, "one process"
    if category is Category.COMMUNICATION or (category is Category.DATA_LOADING and view.timeline.loaders):
        return Source.TIMER, State.MEASURED, None
    if not len(view.stretch):
        lost = "no stacks were sampled"
        if category in (Category.COMPUTE, Category.HOST_WORK) and len(view.timeline.operators.start_ns):
            return Source.OPERATORS, State.PARTIAL, lost
        return (
            Source.NONE,
            State.NOT_MEASURED if category is not Category.UNATTRIBUTED else State.MEASURED,
            lost,
        )
    operators = category in (Category.COMPUTE, Category.HOST_WORK) and len(view.timeline.operators.start_ns)
    return (Source.OPERATORS if operators else Source.STACKS), State.MEASURED, None


def _lock_standing(
    collectors: Mapping[str, CollectorStatus], share: float
) -> tuple[Source, State, str | None]:
    missing = []
    for name, what in (("locks", "Python locks"), ("syscalls", "the GIL and locks of C code")):
        status = collectors.get(name)
        if status is None or status.state != "ok":
            missing.append(f"{what}: {status.reason or status.state if status else 'off'}")
    if len(missing) == 2 and not share:
        return Source.NONE, State.NOT_MEASURED, "; ".join(missing)
    return Source.LOCK, State.PARTIAL if missing else State.MEASURED, "; ".join(missing) or None
