"""Read from a recorded run the work that a replay needs: of the training thread, and to make batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from throughput.diagnose import reading
from throughput.diagnose.replay.queue_model import Floats, Pipeline
from throughput.model.category import Category, Phase
from throughput.model.finding import Facts
from throughput.model.timeline import Batches, Ints, Loader, Segments, Step

LEAST_BATCHES = 20
"""Fewer say nothing about a queue's steady state."""
FEED_SHARE = 0.03
"""Of the step: from here on, waits for other threads mean that those make the batches."""
FEED_AHEAD = 2
"""How far such threads work ahead; nobody records it, and a full queue's depth hardly changes the speed."""
THERE_NS = 300_000
"""A batch that comes within this, beyond the CPU to take it, was there already: waking up takes 0.1 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What each batch took, ns, in the order in which the training thread used them; `step` is their step."""

    wanted: Ints
    consumed: Ints
    step: Ints
    make_cpu: Floats
    make_blocked: Floats
    send: Floats
    """From made to there, where the training thread waited for it: pickled, sent, and pinned by others."""
    loop_cpu: Floats
    loop_blocked: Floats


def fit(facts: Facts) -> Pipeline | None:
    """Return the model of the clean steps; None where too few of them were recorded."""
    steps = reading.clean_steps(facts)
    columns = batch_columns(facts, steps)
    if columns is None:
        columns = step_columns(facts, steps)
    if columns is None or not (columns.loop_cpu.any() or columns.loop_blocked.any()):
        return None
    return pipeline_of(facts, columns, len(steps))


def pipeline_of(facts: Facts, columns: Columns, steps: int) -> Pipeline:
    """Return the model of these batches, with the loader's settings and the CPUs that were to be had."""
    loader = feeding_loader(facts)
    cpus = reading.usable_cpus(facts)
    workers = int(columns.make_blocked.any()) if loader is None else loader.num_workers
    prefetch = FEED_AHEAD if loader is None else loader.prefetch_factor or FEED_AHEAD
    spawn, boot, epochs = _epochs(facts, loader, columns)
    return Pipeline(
        make_cpu=columns.make_cpu,
        make_blocked=columns.make_blocked,
        send=columns.send,
        loop_cpu=columns.loop_cpu,
        loop_blocked=columns.loop_blocked,
        workers=workers,
        prefetch=prefetch,
        in_order=loader is None or loader.in_order is not False,
        persistent=loader is None or loader.persistent_workers is not False,
        cpus=max(1.0, (cpus or 1.0) * (1 - reading.others_part(facts))),
        epochs=epochs,
        spawn_ns=spawn,
        boot_ns=boot,
        steps_per_batch=steps / max(len(columns.step), 1),
    )


def feeding_loader(facts: Facts) -> Loader | None:
    """Return the loader whose batches the clean steps used; None where there was none."""
    steps, batches = reading.clean_steps(facts), facts.timeline.batches
    if not steps:
        return None
    inside = (batches.consumed_ns > steps[0].start_ns) & (batches.consumed_ns <= steps[-1].end_ns)
    counts = {x.number: int((batches.loader[inside] == x.number).sum()) for x in facts.timeline.loaders}
    # An epoch's iterator has a number of its own, and the loader that of its last one.
    known = [x for x in facts.timeline.loaders if counts.get(x.number) or len(facts.timeline.loaders) == 1]
    return max(known, key=lambda x: counts.get(x.number, 0), default=None) if inside.any() else None


def batch_columns(facts: Facts, steps: tuple[Step, ...]) -> Columns | None:
    """Return the batches of a DataLoader that clean steps used; None where there were too few."""
    batches = facts.timeline.batches
    if not steps or feeding_loader(facts) is None:
        return None
    inside = (batches.wanted_ns >= steps[0].start_ns) & (batches.consumed_ns <= steps[-1].end_ns)
    chosen = np.flatnonzero(inside & (batches.begun_ns > 0) & (batches.made_ns > 0))
    chosen = chosen[np.argsort(batches.consumed_ns[chosen], kind="stable")]
    ends = np.array([step.end_ns for step in steps], dtype=np.int64)
    if len(chosen) < LEAST_BATCHES:
        return None
    return _join(facts, batches, chosen, np.searchsorted(ends, batches.consumed_ns[chosen]))


def _join(facts: Facts, batches: Batches, chosen: Ints, step: Ints) -> Columns:
    wanted, consumed = batches.wanted_ns[chosen], batches.consumed_ns[chosen]
    begun, made = batches.begun_ns[chosen], batches.made_ns[chosen]
    cpu = batches.cpu_ns[chosen].astype(np.float64)
    queued = np.maximum(batches.runq_ns[chosen], 0)
    in_workers = batches.worker[chosen] >= 0
    receive, send, held = _received(facts, batches, chosen)
    later = np.append(wanted[1:], consumed[-1])
    loop_cpu, loop_blocked, starved = _work_between(facts, consumed, np.maximum(later, consumed))
    if not in_workers.any():  # with workers, who shares the CPUs is part of the replay
        loop_blocked = loop_blocked + starved
    if len(loop_cpu) > 1:  # after the last one there is no next: it is like the one before
        loop_cpu[-1], loop_blocked[-1] = np.median(loop_cpu[:-1]), np.median(loop_blocked[:-1])
    return Columns(
        wanted=wanted,
        consumed=consumed,
        step=step,
        make_cpu=cpu,
        make_blocked=np.maximum(made - begun - cpu - queued, 0).astype(np.float64),
        send=send,
        loop_cpu=loop_cpu + receive,
        loop_blocked=loop_blocked + held,
    )


def _received(facts: Facts, batches: Batches, chosen: Ints) -> tuple[Floats, Floats, Floats]:
    """Return what follows on making a batch: the training thread's CPU, sending, what else `next` took.

    A batch that wasn't there when wanted came late for its sending, in which its maker's next work is in the
    way; one that was there hides how long it was sent. Waiting for a CPU is an output of the replay.
    """
    wanted, consumed = batches.wanted_ns[chosen], batches.consumed_ns[chosen]
    begun, made = batches.begun_ns[chosen], batches.made_ns[chosen]
    in_workers = batches.worker[chosen] >= 0
    own = np.maximum((consumed - wanted) - (made - begun), 0).astype(np.float64)
    arrived = np.where(batches.arrived_ns[chosen] > 0, batches.arrived_ns[chosen], consumed)
    cpu, _, queued = _work_between(facts, wanted, consumed, in_loader=True)
    cpu = np.minimum(cpu, np.maximum(consumed - np.maximum(wanted, made), 0))
    late = np.maximum(arrived - np.maximum(wanted, made) - cpu - queued, 0)
    send = np.where(in_workers & (late > THERE_NS), arrived - cpu - queued - made, 0.0)
    held = np.where(send > 0, 0.0, np.maximum(consumed - np.maximum(wanted, made) - cpu - queued, 0))
    return np.where(in_workers, cpu, own), send, np.where(in_workers, held, 0.0)


def step_columns(facts: Facts, steps: tuple[Step, ...]) -> Columns | None:
    """Return one row a step where no DataLoader was seen: what threads feed is what the steps waited for."""
    if len(steps) < LEAST_BATCHES:
        return None
    start = np.array([step.start_ns for step in steps], dtype=np.int64)
    end = np.array([step.end_ns for step in steps], dtype=np.int64)
    cpu, blocked, starved = _work_between(facts, start, end)
    blocked = blocked + starved
    waits = _fed_share(facts) * (end - start)
    fed = np.minimum(waits, blocked)
    return Columns(
        wanted=start,
        consumed=end,
        step=np.arange(len(steps)),
        make_cpu=np.zeros(len(steps)),
        make_blocked=np.where(waits > 0, cpu + blocked, 0.0),
        send=np.zeros(len(steps)),
        loop_cpu=cpu,
        loop_blocked=blocked - fed,
    )


def _fed_share(facts: Facts) -> float:
    """Return the share of the step in which the training thread waits for what other threads make."""
    loading = [p for p in reading.places(facts, Category.DATA_LOADING) if p.thread not in ("", _main(facts))]
    share = sum(place.share for place in loading)
    share += sum(x.through_waker_ns_per_step for x in facts.attribution.locks) / max(
        reading.mean_step_ns(facts), 1.0
    )
    return share if share >= FEED_SHARE else 0.0


def _main(facts: Facts) -> str:
    tracks = facts.timeline.tracks
    return tracks[facts.timeline.main_track].name if tracks else ""


def _work_between(
    facts: Facts, start: Ints, end: Ints, *, in_loader: bool = False
) -> tuple[Floats, Floats, Floats]:
    """Return the training thread's CPU, blocked and run-queue time of each span, in or out of loading."""
    segments = facts.timeline.segments
    counted = (segments.phase == int(Phase.LOADER)) == in_loader
    cpu = _cumulated(segments, np.where(counted, segments.cpu_ns, 0))
    queued = _cumulated(segments, np.where(counted, np.maximum(segments.runq_ns, 0), 0))
    wall = _cumulated(segments, np.where(counted, segments.end_ns - segments.start_ns, 0))
    spans = [np.maximum(table(end) - table(start), 0) for table in (cpu, queued, wall)]
    return spans[0], np.maximum(spans[2] - spans[0] - spans[1], 0), spans[1]


class _cumulated:  # noqa: N801 - reads as a function: the sum of a column up to a time
    """The sum of a segment column up to any time, spread evenly within a segment."""

    def __init__(self, segments: Segments, values: Ints) -> None:
        order = np.argsort(segments.start_ns, kind="stable")
        self._edges = np.append(segments.start_ns[order], segments.end_ns[order][-1:])
        self._sums = np.concatenate([[0], np.cumsum(values[order])])

    def __call__(self, times: Ints) -> Floats:
        if len(self._edges) < 2:
            return np.zeros(len(times))
        return np.asarray(np.interp(times, self._edges, self._sums), dtype=np.float64)


def _closing(facts: Facts, columns: Columns, starts: list[tuple[int, int]]) -> float:
    """Return what ending an epoch's workers takes: loading in which no batch and no start is awaited, ns."""
    segments = facts.timeline.segments
    loading = np.where(segments.phase == int(Phase.LOADER), segments.end_ns - segments.start_ns, 0)
    edges = _cumulated(segments, loading)(np.array([columns.wanted[0], columns.consumed[-1]]))
    known = int((columns.consumed - columns.wanted).sum()) + sum(b - a for a, b in starts)
    return max(0.0, float(edges[1] - edges[0]) - known) / len(starts)


def _epochs(facts: Facts, loader: Loader | None, columns: Columns) -> tuple[float, float, frozenset[int]]:
    """Return what starting workers costs, by what it delays them, and the rows with which epochs begin."""
    if loader is None or not loader.num_workers:
        return 0.0, 0.0, frozenset()
    starts = [
        (a, b)
        for a, b in zip(loader.start_ns, loader.ready_ns, strict=False)
        if columns.wanted[0] <= b <= columns.consumed[-1]
    ]
    rows = [int(np.searchsorted(columns.wanted, b)) for _, b in starts]
    rows = [row for row in rows if row < len(columns.wanted)]
    if not rows:
        return 0.0, 0.0, frozenset()
    batches = facts.timeline.batches
    spawn = float(np.median([b - a for a, b in starts])) + _closing(facts, columns, starts)
    delays = []
    for _, ready in starts:
        later = batches.begun_ns[batches.begun_ns > ready]
        if len(later):
            delays.append(int(later.min()) - ready)
    return spawn, float(np.median(delays)) if delays else 0.0, frozenset(rows)
