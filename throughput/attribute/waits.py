"""Size lock waits: the training thread's own, those of the worker it waits for, and the GIL's."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from throughput.attribute.intervals import Coverage
from throughput.attribute.view import PHASES, CleanView
from throughput.attribute.wakers import Awaited, awaited_threads
from throughput.model.category import Phase
from throughput.model.timeline import KINDS, Ints

OUTSIDE_LOCKS = ("shared_futex", "file_lock")
"""Blocked kinds that are locks which no patched factory saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTime:
    """Lock wait by step and phase, ns; shape (steps, phases) each."""

    own: Ints
    """The training thread's waits for patched locks."""
    through: Ints
    """Part of its other waits in which the one waited for was waiting for a lock."""
    gil: Ints
    sampled_ns: int = 0
    """Of the training thread's sampled waits for other threads, what those spent waiting for a lock."""
    awaited: dict[int, Awaited] = field(default_factory=dict)
    """The threads that the training thread waited for, by track."""

    @property
    def total(self) -> Ints:
        """All three."""
        return self.own + self.through + self.gil


def lock_time(view: CleanView) -> LockTime:
    """Return the lock waits that cost the steps time."""
    own = _own(view)
    awaited = awaited_threads(view)
    by_threads, sampled_ns = _through_threads(view, awaited)
    gil = _from_kernel(view, own, ("gil", *OUTSIDE_LOCKS))
    through = _through_workers(view) + by_threads
    return LockTime(own=own, through=through, gil=gil, sampled_ns=sampled_ns, awaited=awaited)


def _own(view: CleanView) -> Ints:
    waits = view.timeline.lock_waits
    mine = waits.track == view.timeline.main_track
    start, end = waits.start_ns[mine], waits.end_ns[mine]
    segment = view.segment_at((start + end) // 2)
    known = segment >= 0
    start, end, segment = start[known], end[known], segment[known]
    table = np.zeros((len(view.steps), PHASES), dtype=np.int64)
    inside = np.minimum(end, view.seg_end[segment]) - np.maximum(start, view.seg_start[segment])
    np.add.at(table, (view.seg_step[segment], view.seg_phase[segment]), np.maximum(inside, 0))
    return np.minimum(np.maximum(table, 0), view.of_segments(view.seg_end - view.seg_start))


def worker_lock_spans(view: CleanView, worker: int) -> Coverage:
    """Return when the main thread of a DataLoader worker was waiting for a lock."""
    waits, tracks = view.timeline.lock_waits, view.timeline.tracks
    numbers = [n for n, t in enumerate(tracks) if t.worker == worker and t.role == "worker"]
    chosen = np.isin(waits.track, numbers)
    blocked = view.timeline.blocked
    kinds = [KINDS.index(kind) for kind in OUTSIDE_LOCKS]
    escaped = np.isin(blocked.track, numbers) & np.isin(blocked.kind, kinds)
    return Coverage(
        np.concatenate([waits.start_ns[chosen], blocked.time_ns[escaped] - blocked.weight_ns[escaped]]),
        np.concatenate([waits.end_ns[chosen], blocked.time_ns[escaped]]),
    )


def _through_workers(view: CleanView) -> Ints:
    """Return the waits for batches during which their makers were waiting for a lock."""
    batches = view.timeline.batches
    table = np.zeros((len(view.steps), PHASES), dtype=np.int64)
    for worker in np.unique(batches.worker[batches.worker >= 0]):
        mine = (batches.worker == worker) & (batches.begun_ns > 0)
        start = np.maximum(batches.wanted_ns[mine], batches.begun_ns[mine])
        end = np.minimum(batches.consumed_ns[mine], batches.made_ns[mine])
        blocked = worker_lock_spans(view, int(worker)).within(start, np.maximum(end, start))
        step = np.searchsorted(view.end_ns, batches.consumed_ns[mine])
        inside = (step < len(view.steps)) & (blocked > 0)
        inside &= batches.wanted_ns[mine] >= view.start_ns[np.minimum(step, len(view.steps) - 1)]
        np.add.at(table, (step[inside], int(Phase.LOADER)), blocked[inside])
    return table


def _through_threads(view: CleanView, awaited: dict[int, Awaited]) -> tuple[Ints, int]:
    """Return waits for other threads' work (a queue that they feed) during which those waited for a lock.

    By step and phase, and as the samples saw it in all.
    """
    waits = view.timeline.lock_waits
    table = np.zeros((len(view.steps), PHASES), dtype=np.int64)
    for number, thread in awaited.items():
        mine = waits.track == number
        start, end = waits.start_ns[mine], waits.end_ns[mine]
        step = np.minimum(np.searchsorted(view.end_ns, start, side="right"), len(view.steps) - 1)
        np.add.at(table, (step, int(Phase.REST)), thread.times.within(start, end))
    seen_ns = int(table.sum())
    if len(view.light[0]) == len(view.steps):
        return table, seen_ns
    # Seen in steps that aren't quoted: their share holds for the others.
    samples = view.timeline.samples
    sampled = view.stretch_ns[samples.phase[view.stretch] == int(Phase.REST)].sum()
    rest = view.of_segments(view.seg_end - view.seg_start)[:, int(Phase.REST)]
    table[:, int(Phase.REST)] = (rest * (seen_ns / max(sampled, 1))).astype(np.int64)
    return table, seen_ns


def _from_kernel(view: CleanView, own: Ints, kinds: tuple[str, ...]) -> Ints:
    """Return waits that the kernel's samples show, at most what the thread was blocked otherwise.

    The syscall samples over-read the GIL on a starved machine, so the blocked time that schedstat leaves
    (wall - CPU - run queue - known locks) bounds them.
    """
    blocked = view.timeline.blocked
    numbers = [KINDS.index(kind) for kind in kinds]
    mine = (blocked.track == view.timeline.main_track) & np.isin(blocked.kind, numbers)
    segment = view.segment_at(blocked.time_ns[mine])
    known = segment >= 0
    table = np.zeros((len(view.steps), PHASES), dtype=np.int64)
    np.add.at(
        table, (view.seg_step[segment[known]], view.seg_phase[segment[known]]), blocked.weight_ns[mine][known]
    )
    rest = view.seg_end - view.seg_start - view.seg_cpu - np.maximum(view.seg_runq, 0)
    residual = np.maximum(view.of_segments(np.maximum(rest, 0)) - own, 0)
    scale = min(1.0, residual.sum() / table.sum()) if table.sum() else 0.0
    bounded: Ints = np.minimum((table * scale).astype(np.int64), residual)
    return bounded
