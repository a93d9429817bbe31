"""Say what a fix changes in a replay: work that goes away, and settings of the loader."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from throughput.diagnose.replay.queue_model import Floats, Pipeline
from throughput.model.finding import LoaderSettings

SEND_NS, RECEIVE_NS = 1_000_000.0, 700_000.0
"""What sending a batch of a few tensors costs a worker, and taking it the training thread, on a slow core: a
run without workers can't say what it would be."""
LEAST_SEND = 0.1
"""The quantile of the times to send that stands for sending with nothing in its way: no extreme decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is different in the run that is asked about; the defaults change nothing."""

    loop_minus_ns: float = 0.0
    """Work of the training thread that goes away, ns a step."""
    make_part: float = 1.0
    """What is left of the work to make a batch, 0..1."""
    make_blocked_minus_ns: float = 0.0
    """Waiting for others' locks while making, that goes away, ns a batch."""
    batch_scale: float = 1.0
    """Samples in a batch, over those now: all work is taken to grow with it."""
    settings: LoaderSettings | None = None
    cpus: float | None = None


def changed(pipeline: Pipeline, change: Change) -> Pipeline:
    """Return the pipeline after the change; work never becomes negative."""
    per_batch = change.loop_minus_ns * pipeline.steps_per_batch
    if not pipeline.workers and not change.settings:
        pipeline = _made_in_the_loop(pipeline)
    loop_cpu, loop_blocked = _less(pipeline.loop_cpu, pipeline.loop_blocked, per_batch)
    blocked = np.maximum(pipeline.make_blocked - change.make_blocked_minus_ns, 0.0)
    scale = change.batch_scale
    pipeline = replace(
        pipeline,
        make_cpu=pipeline.make_cpu * change.make_part * scale,
        make_blocked=blocked * change.make_part * scale,
        send=_sent(pipeline.send, change.make_part) * scale,
        loop_cpu=loop_cpu * scale,
        loop_blocked=loop_blocked * scale,
        cpus=pipeline.cpus if change.cpus is None else change.cpus,
    )
    return pipeline if change.settings is None else _set(pipeline, change.settings)


def _sent(send: Floats, make_part: float) -> Floats:
    """Return the time to send each batch where making takes that part: what is over the least is in its way.

    The thread that sends shares its worker's GIL and CPU with the making of the next batch.
    """
    some = send[send > 0]
    least = np.minimum(send, np.quantile(some, LEAST_SEND)) if len(some) else send
    return least + (send - least) * min(make_part, 1.0)


def _set(pipeline: Pipeline, settings: LoaderSettings) -> Pipeline:
    """Return the pipeline with those settings that are given."""
    persistent, ahead = settings.persistent_workers, settings.prefetch_factor
    set_ = replace(
        pipeline,
        workers=pipeline.workers if settings.num_workers is None else settings.num_workers,
        prefetch=pipeline.prefetch if ahead is None else ahead,
        in_order=pipeline.in_order if settings.in_order is None else settings.in_order,
        persistent=pipeline.persistent if persistent is None else persistent,
    )
    if not pipeline.workers and set_.workers:
        set_ = replace(set_, make_cpu=set_.make_cpu + SEND_NS, loop_cpu=set_.loop_cpu + RECEIVE_NS)
    if not settings.even_workers:
        return set_
    # The same batches, but none harder than another.
    return replace(
        set_,
        make_cpu=np.full(len(pipeline), pipeline.make_cpu.mean()),
        make_blocked=np.full(len(pipeline), pipeline.make_blocked.mean()),
    )


def _made_in_the_loop(pipeline: Pipeline) -> Pipeline:
    """Return a loop without workers as one whose making is the training thread's own work."""
    nothing = np.zeros(len(pipeline))
    return replace(
        pipeline,
        loop_cpu=pipeline.loop_cpu + pipeline.make_cpu,
        loop_blocked=pipeline.loop_blocked + pipeline.make_blocked,
        make_cpu=nothing,
        make_blocked=nothing,
    )


def _less(cpu: Floats, blocked: Floats, per_batch: float) -> tuple[Floats, Floats]:
    """Return the training thread's work less so much a batch on average, each batch in its proportion.

    Batches differ: a checkpoint is written after one of many. What goes away is taken from where most is.
    """
    total = cpu + blocked
    goal = total.sum() - per_batch * len(total)
    if goal <= 0:
        return np.zeros_like(cpu), np.zeros_like(blocked)
    scale = goal / total.sum() if total.sum() else 1.0
    return cpu * scale, blocked * scale
