"""Predict what a fix buys: replay the run with the cause gone, and say how far a replay can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from throughput import units
from throughput.diagnose import locking, reading
from throughput.diagnose.replay.changes import Change, changed
from throughput.diagnose.replay.fit import Columns, batch_columns, fit, pipeline_of, step_columns
from throughput.diagnose.replay.queue_model import Pipeline, Replayed, replay
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Prediction

ERROR_MAX = 0.10
"""A model that misses the steps which it did not see by more than this predicts nothing."""
BLOCKS = (7, 11, 13, 9)
"""Steps of alternating blocks: uneven, so that what comes every so many steps falls into both halves."""
LEAST_STEPS = 40
"""Two blocks for each half."""
ON_TRAINING_THREAD = ("heavy-sampler", "ipc-pickling")
"""Their time is loading, but the training thread's own work, also beside workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The run as a replay has it."""

    pipeline: Pipeline
    now: Replayed
    error: float | None
    """Of the replay fitted on one half of the steps, on the other half: |replayed / measured - 1|."""

    @property
    def is_trusted(self) -> bool:
        """Whether predictions may be made from it."""
        return self.error is not None and self.error <= ERROR_MAX


def model_of(facts: Facts) -> Model | None:
    """Return the model of a run; None where too little was recorded."""
    pipeline = fit(facts)
    if pipeline is None:
        return None
    return Model(pipeline=pipeline, now=replay(pipeline), error=held_back_error(facts))


def held_back_error(facts: Facts) -> float | None:
    """Return how far a replay of one half of the clean steps misses the mean step of the other half."""
    steps = reading.clean_steps(facts)
    if len(steps) < LEAST_STEPS:
        return None
    columns = batch_columns(facts, steps) or step_columns(facts, steps)
    if columns is None:
        return None
    lengths = np.resize(BLOCKS, len(steps))
    is_even = (np.repeat(np.arange(len(lengths)), lengths)[: len(steps)] % 2).astype(bool)
    row_even = is_even[np.minimum(columns.step, len(steps) - 1)]
    fitted = pipeline_of(facts, _rows(columns, ~row_even), int((~is_even).sum()))
    if not len(fitted):
        return None
    measured = float(np.mean([step.duration_ns for step, even in zip(steps, is_even, strict=True) if even]))
    return abs(replay(fitted).step_ns / measured - 1)


def _rows(columns: Columns, kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Columns:
    names = ("wanted", "consumed", "step", "make_cpu", "make_blocked", "send", "loop_cpu", "loop_blocked")
    return replace(columns, **{name: getattr(columns, name)[kept] for name in names})


def predicted(facts: Facts, model: Model, finding: Finding) -> Finding:
    """Return the finding with what its fix buys by replay; with its bound where that can't be trusted."""
    bound = finding.prediction
    if bound is None:
        return finding
    if not model.is_trusted:
        why = "too few steps to check a replay" if model.error is None else _untrusted(model.error)
        high = _bound_high(facts, model, finding, bound)
        return replace(finding, prediction=replace(bound, high=high, assumes=f"{bound.assumes} ({why})"))
    change = change_of(facts, model.pipeline, finding, 1.0)
    after = replay(changed(model.pipeline, change))
    low, high = (_ratio(facts, model, finding, part) for part in _parts(facts, finding))
    speedup = model.now.step_ns / after.step_ns
    error = model.error or 0.0
    category, share = next_bottleneck(facts, finding, after, model)
    prediction = Prediction(
        speedup=speedup,
        low=min(speedup, max(1.0, low * (1 - error))),
        high=max(speedup, high * (1 + error)),
        basis="replay",
        assumes=bound.assumes,
        next_category=category,
        next_share=share,
    )
    saves = (model.now.step_ns - after.step_ns) * reading.mean_step_ns(facts) / model.now.step_ns
    return replace(finding, prediction=prediction, saves_ns_per_step=max(0.0, saves))


def _untrusted(error: float) -> str:
    return f"no prediction: a replay of this run misses its own steps by {units.percent(error)}"


def _bound_high(facts: Facts, model: Model, finding: Finding, bound: Prediction) -> float:
    """Return the most that the fix can bring: workers that do less also leave their CPU to the training."""
    if not model.pipeline.workers or not _is_made_elsewhere(facts, finding):
        return bound.high
    left = 1 / bound.high - reading.share(facts, Category.CPU_STARVED)
    return 1 / left if left > 0 else bound.high


def _ratio(facts: Facts, model: Model, finding: Finding, part: float) -> float:
    change = change_of(facts, model.pipeline, finding, part)
    return model.now.step_ns / replay(changed(model.pipeline, change)).step_ns


def _parts(facts: Facts, finding: Finding) -> tuple[float, float]:
    """Return the low and the high end of the cost, as parts of its middle."""
    bound = finding.prediction
    share = finding.saves_ns_per_step / max(reading.mean_step_ns(facts), 1.0)
    high = 1 - 1 / bound.high if bound is not None else share
    spread = max(high - share, 0.0)
    return (max(0.0, 1 - spread / share), 1 + spread / share) if share > 0 else (1.0, 1.0)


def change_of(facts: Facts, pipeline: Pipeline, finding: Finding, part: float) -> Change:
    """Return what the finding's fix changes; `part` scales how much of the cost goes away."""
    if finding.sets is not None:
        return Change(settings=finding.sets)
    saves = finding.saves_ns_per_step * part
    if finding.category is Category.CPU_STARVED and pipeline.workers:
        return Change(cpus=float(pipeline.workers + 1))
    if not pipeline.workers or finding.rule in ON_TRAINING_THREAD or not _is_made_elsewhere(facts, finding):
        return Change(loop_minus_ns=saves)
    wait = max(reading.share(facts, Category.DATA_LOADING) * reading.mean_step_ns(facts), 1.0)
    if finding.category is Category.LOCK_CONTENTION:
        return Change(make_blocked_minus_ns=part * float(pipeline.make_blocked.mean()))
    return Change(make_part=max(0.0, 1 - saves / wait))


def _is_made_elsewhere(facts: Facts, finding: Finding) -> bool:
    """Return whether the finding's time is of those who make batches beside the training thread."""
    if finding.category is Category.LOCK_CONTENTION:
        lock = max(facts.attribution.locks, key=locking.cost_ns, default=None)
        return lock is not None and lock.through_waker_ns_per_step > lock.training_ns_per_step
    if finding.category is not Category.DATA_LOADING:
        return False
    main = _main_thread(facts)
    for place in (*facts.attribution.hotspots, *facts.attribution.functions):
        if finding.where in (place.caller, reading.own_place(facts, place)):
            return place.process == reading.WORKERS or place.thread != main
    return True


def _main_thread(facts: Facts) -> str:
    tracks = facts.timeline.tracks
    return tracks[facts.timeline.main_track].name if tracks else ""


def next_bottleneck(
    facts: Facts, finding: Finding, after: Replayed, model: Model
) -> tuple[Category | None, float | None]:
    """Return the largest category once the cost is gone, and its share of the step that is left."""
    mean = reading.mean_step_ns(facts)
    left = {row.category: (row.share or 0.0) * mean for row in facts.attribution.split}
    scale = mean / model.now.step_ns
    gone = mean - after.step_ns * scale
    left[finding.category] = max(0.0, left.get(finding.category, 0.0) - gone)
    if model.pipeline.workers or (finding.sets is not None and finding.sets.num_workers):
        left[Category.DATA_LOADING] = after.wait_ns * scale
    category, ns = max(left.items(), key=lambda item: item[1])
    total = sum(left.values())
    return (category, ns / total) if total > 0 else (None, None)
