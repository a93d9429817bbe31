"""Find the passes over a data loader: where each begins and ends, and how long its first batch takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from throughput.model.category import Phase
from throughput.model.timeline import Ints, Timeline


@dataclass(slots=True, kw_only=True)
class Pass:
    """A pass over a loader's batches: one epoch of training, or one evaluation."""

    loader: int
    wanted_ns: int
    """When its first batch was asked for."""
    begun_ns: int
    """When a worker began to make that batch; -1 where the main process made it or nobody saw it."""
    taken_ns: int
    """When its first batch had come."""
    end_ns: int
    """When its last batch had come."""
    last: int
    batches: int = 1


def passes_of(timeline: Timeline) -> list[Pass]:
    """Return the passes in time order: a loader's numbers begin anew with each."""
    batches = timeline.batches
    columns = (
        batches.loader, batches.index, batches.wanted_ns, batches.begun_ns, batches.consumed_ns,
        batches.worker,
    )  # fmt: skip
    rows = np.stack(columns, axis=1)[np.argsort(batches.wanted_ns, kind="stable")].tolist()
    found: list[Pass] = []
    latest: dict[int, Pass] = {}
    for loader, index, wanted, begun, taken, worker in rows:
        going = latest.get(loader)
        if going is not None and index > going.last:
            going.end_ns, going.last, going.batches = max(going.end_ns, taken), index, going.batches + 1
            continue
        latest[loader] = Pass(
            loader=loader,
            wanted_ns=wanted,
            begun_ns=begun if worker >= 0 else -1,
            taken_ns=taken,
            end_ns=taken,
            last=index,
        )
        found.append(latest[loader])
    return found


def training_starts(timeline: Timeline) -> Ints:
    """Return when the training thread began a backward or, where there is none, an optimizer's step."""
    segments = timeline.segments
    for phase in (Phase.BACKWARD, Phase.OPTIMIZER):
        starts = segments.start_ns[segments.phase == int(phase)]
        if len(starts):
            return np.sort(starts)
    return np.array([step.start_ns for step in timeline.steps[:1]], dtype=np.int64)


def empty_asks(timeline: Timeline) -> list[tuple[int, int]]:
    """Return when a loader was asked and had no more batch: its workers end then."""
    segments, batches = timeline.segments, timeline.batches
    asks = segments.phase == int(Phase.LOADER)
    starts, ends = segments.start_ns[asks], segments.end_ns[asks]
    order = np.argsort(batches.wanted_ns, kind="stable")
    wanted, taken = batches.wanted_ns[order], batches.consumed_ns[order]
    before = np.searchsorted(wanted, starts, side="right") - 1
    answered = np.zeros(len(starts), dtype=bool)
    if len(wanted):
        answered = (before >= 0) & (starts < taken[np.maximum(before, 0)])
    made = {start for loader in timeline.loaders for start in loader.start_ns}
    return [
        (start, end)
        for start, end, has in zip(starts.tolist(), ends.tolist(), answered.tolist(), strict=True)
        if not has and start not in made
    ]


def without_training(passes: list[Pass], starts: Ints, asks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the passes, from the first training on, within which nothing was trained: evaluations.

    Each lasts until its loader says that it has no more.
    """
    found = []
    for one in passes:
        trained = np.searchsorted(starts, [one.wanted_ns, one.end_ns])
        if not len(starts) or one.wanted_ns < starts[0] or one.batches < 2 or trained[0] != trained[1]:
            continue
        following = int(starts[trained[1]]) if trained[1] < len(starts) else None
        ends = [end for start, end in asks if start >= one.end_ns and (following is None or end <= following)]
        found.append((one.wanted_ns, ends[0] if ends else one.end_ns))
    return found
