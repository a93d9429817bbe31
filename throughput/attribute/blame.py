"""Give every sampled stretch its blamed time: waiting is replaced by the work of the one waited for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from throughput.attribute.classify import WAITING, Doing
from throughput.attribute.intervals import Coverage, span_of
from throughput.attribute.split import DOING_CATEGORY, WHOLE_PHASES, Split
from throughput.attribute.view import CleanView
from throughput.attribute.wakers import Awaited
from throughput.model.category import Category, Phase


@dataclass(frozen=True, slots=True)
class Blamed:
    """Time of the steps that one sampled stack is blamed for."""

    stack: int
    track: int
    category: Category
    ns: float
    count: int
    at_ns: int
    """An instant in the step that it cost."""
    waited_in: Phase | None = None
    """The phase in which the training thread waited for this; None where it did it itself."""


Row = tuple[int, int, float, int, int]
"""Stack, track, time, instants sampled, and an instant in the step that it cost."""


def blame(view: CleanView, split: Split) -> Iterator[Blamed]:
    """Yield the blamed time of every stretch that explains clean step time (locks and starvation apart)."""
    samples = view.timeline.samples
    scale = _phase_scale(view, split)
    locked_ns = split.locks.sampled_ns * scale[Phase.REST]
    waits: dict[tuple[Phase, Doing], float] = {}
    waiting: dict[Doing, list[int]] = {doing: [] for doing in WAITING}
    for stretch, number, length in zip(view.stretch, view.doing, view.stretch_ns, strict=True):
        doing, phase = Doing(int(number)), Phase(max(int(samples.phase[stretch]), 0))
        if doing is Doing.LOCK:
            continue
        ns = float(length) * scale[phase]
        if doing in WAITING and phase in (Phase.LOADER, Phase.REST):
            waits[phase, doing] = waits.get((phase, doing), 0.0) + ns
            if phase is Phase.REST:
                waiting[doing].append(int(stretch))
            continue
        yield Blamed(
            int(samples.stack[stretch]),
            view.timeline.main_track,
            category_of(phase, doing, split),
            ns,
            int(samples.count[stretch]),
            int(samples.start_ns[stretch] + samples.end_ns[stretch]) // 2,
        )
    yield from _blame_workers(view, sum(waits.get((Phase.LOADER, doing), 0.0) for doing in WAITING))
    in_rest = {doing: waits.get((Phase.REST, doing), 0.0) for doing in WAITING}
    kept = max(0.0, 1 - locked_ns / max(sum(in_rest.values()), 1.0))
    for doing, stretches in waiting.items():
        yield from _blame_threads(view, split.locks.awaited, (doing, stretches), in_rest[doing] * kept)


def _phase_scale(view: CleanView, split: Split) -> dict[Phase, float]:
    """Return what a sampled ns of a phase stands for: its stretches sum to its remaining time."""
    samples = view.timeline.samples
    length = view.stretch_ns
    useful = view.doing != Doing.LOCK
    sampled = np.bincount(
        np.maximum(samples.phase[view.stretch][useful], 0), weights=length[useful], minlength=len(Phase)
    )
    sampled[Phase.REST] = max(sampled[Phase.REST] - split.locks.sampled_ns, 0)
    return {p: float(split.remaining[p] / sampled[p]) if sampled[p] else 0.0 for p in Phase}


def category_of(phase: Phase, doing: Doing, split: Split) -> Category:
    """Return the category of what a stack shows in a phase; torch and Python by what most of the phase is."""
    if phase in WHOLE_PHASES:
        return WHOLE_PHASES[phase]
    if doing in DOING_CATEGORY:
        return DOING_CATEGORY[doing]
    share = split.compute_share[phase]
    if doing is Doing.TORCH and split.device is None:  # with a device, most of it is dispatching
        return Category.COMPUTE
    # Operators called straight from own code leave no frame of torch: the phase's share decides.
    return Category.COMPUTE if share > 0.5 else Category.HOST_WORK


def _blame_workers(view: CleanView, wait_ns: float) -> Iterator[Blamed]:
    """Blame the waits for batches on what their makers did while making them.

    A batch's whole making is responsible, also the part before the training thread began to wait.
    """
    if wait_ns <= 0:
        return
    timeline, batches = view.timeline, view.timeline.batches
    samples, tracks = timeline.samples, timeline.tracks
    first, last = int(view.light[0][0]), int(view.light[1][-1])
    inside = (batches.consumed_ns > first) & (batches.consumed_ns <= last)
    wait = np.maximum(batches.consumed_ns - batches.wanted_ns, 0)
    rows: list[Row] = []
    for number, track in enumerate(tracks):
        if track.role != "worker":
            continue
        mine = inside & (batches.worker == track.worker) & (batches.begun_ns > 0)
        order = np.argsort(batches.begun_ns[mine])
        begun, made = batches.begun_ns[mine][order], batches.made_ns[mine][order]
        factor = wait[mine][order] / np.maximum(made - begun, 1)
        consumed = batches.consumed_ns[mine][order]
        stretches = np.flatnonzero(samples.track == number)
        middle = (samples.start_ns[stretches] + samples.end_ns[stretches]) // 2
        owner = span_of(middle, begun, made)
        for stretch, batch in zip(stretches[owner >= 0], owner[owner >= 0], strict=True):
            stack = int(samples.stack[stretch])
            lasted = min(samples.end_ns[stretch], made[batch]) - max(samples.start_ns[stretch], begun[batch])
            doing = view.classifier.doing(stack)
            if doing is Doing.LOCK or (doing in WAITING and _is_idle(view, stack)):
                continue
            ns = float(lasted) * float(factor[batch])
            rows.append((stack, number, ns, int(samples.count[stretch]), int(consumed[batch]) - 1))
    yield from _scaled(rows, wait_ns, Category.DATA_LOADING, Phase.LOADER)


def _is_idle(view: CleanView, stack: int) -> bool:
    """Return whether a worker's stack shows it waiting for the next index: no own code below the loop."""
    frames = [view.timeline.stacks.frames[n] for n in view.timeline.stacks.stacks[stack]]
    return not any(f.function.rpartition(".")[2] == "fetch" for f in frames)


def _blame_threads(
    view: CleanView, awaited: dict[int, Awaited], waits: tuple[Doing, list[int]], wait_ns: float
) -> Iterator[Blamed]:
    """Blame waits for a queue, event or future on what the threads did that were waited for."""
    if wait_ns <= 0:
        return
    samples = view.timeline.samples
    doing, waiting = waits
    start, end = samples.start_ns[waiting], samples.end_ns[waiting]
    meanwhile = Coverage(start, end)
    rows: list[Row] = []
    for number, thread in awaited.items():
        stretches = np.flatnonzero(samples.track == number)
        worked = thread.worked.common(meanwhile)
        overlap = worked.within(samples.start_ns[stretches], samples.end_ns[stretches])
        for stretch, ns in zip(stretches[overlap > 0], overlap[overlap > 0], strict=True):
            at = int(samples.start_ns[stretch] + samples.end_ns[stretch]) // 2
            rows.append((int(samples.stack[stretch]), number, float(ns), int(samples.count[stretch]), at))
    waited_in = Phase.REST if rows else None
    if not rows:
        rows = [
            (int(samples.stack[s]), view.timeline.main_track, float(until - since), 1, int(since))
            for s, since, until in zip(waiting, start, end, strict=True)
        ]
    yield from _scaled(rows, wait_ns, DOING_CATEGORY[doing], waited_in)


def _scaled(
    rows: list[Row], total_ns: float, category: Category, waited_in: Phase | None
) -> Iterator[Blamed]:
    sampled = sum(row[2] for row in rows)
    if sampled <= 0:
        return
    for stack, track, ns, count, at in rows:
        yield Blamed(stack, track, category, ns * total_ns / sampled, count, at, waited_in)
