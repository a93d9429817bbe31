"""Name the locks that cost time: who held each, who waited, what it cost the step, what was idle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from throughput.attribute.classify import WAITING, Doing
from throughput.attribute.hotspots import lock_hotspot
from throughput.attribute.intervals import Coverage, span_of
from throughput.attribute.stretches import StretchIndex
from throughput.attribute.view import CleanView
from throughput.attribute.waits import LockTime
from throughput.model.attribution import Hotspot, LockPlaces, LockSummary
from throughput.model.timeline import KINDS, Frame, Ints, LockInfo

ACROSS_PROCESSES = ("process lock", "file lock")
"""Their holder is another worker: the one that was not itself waiting."""
IDLE_WEIGHT = 1e-6
"""Waits that cost nothing only break ties."""
SAME_TICK_NS = 1_500_000
"""The syscall sampler reads a process's threads one after the other, within this time."""
GIL = LockInfo(name="the GIL", kind="GIL", made_at=None)

Key = TypeVar("Key", Frame, str)


@dataclass(frozen=True, slots=True)
class CostlyWait:
    """Part of a wait for a lock that cost step time, with a stack of its holder; -1 is an unknown stack."""

    lock: str
    waiter: int
    holder: int
    is_training: bool
    """Whether the training thread itself waited; else one that it waited for."""
    ns: float
    at_ns: int


@dataclass(slots=True)
class _Lock:
    info: LockInfo
    training_ns: float = 0.0
    through_ns: float = 0.0
    idle_ns: float = 0.0
    through: str = "training process"
    """Where those are that the training thread waited for."""
    waits: int = 0
    held: dict[Frame, float] = field(default_factory=dict)
    waited: dict[Frame, float] = field(default_factory=dict)
    holders: dict[str, float] = field(default_factory=dict)
    waiters: dict[str, float] = field(default_factory=dict)
    costly: list[CostlyWait] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LockReport:
    """What locks cost: a hotspot for each that cost step time, all that were contended, and each wait."""

    hotspots: list[Hotspot]
    summaries: tuple[LockSummary, ...]
    costly: list[CostlyWait]


def lock_report(view: CleanView, time: LockTime) -> LockReport:
    """Return what each lock that was waited for cost the steps."""
    locks = _gather(view, time)
    _scale(locks, time)
    gil_ns = float(time.gil.sum())
    if gil_ns:
        locks.append(_gil(view, gil_ns))
    hotspots, summaries = [], []
    for lock in sorted(locks, key=lambda x: -(x.training_ns + x.through_ns)):
        held, waited = _busiest(lock.held), _busiest(lock.waited)
        places = LockPlaces(
            name=lock.info.name,
            kind=lock.info.kind,
            made_at=lock.info.made_at,
            held_at=f"{held.file}:{held.line}" if held else None,
            waited_at=f"{waited.file}:{waited.line}" if waited else None,
        )
        cost = lock.training_ns + lock.through_ns
        if cost > 0:
            where = "training process" if lock.training_ns >= lock.through_ns else lock.through
            hotspots.append(lock_hotspot(view, places, (held, waited), (cost, lock.waits), where))
        steps = len(view.steps)
        summaries.append(
            LockSummary(
                places=places,
                waits=lock.waits,
                training_ns_per_step=lock.training_ns / steps,
                through_waker_ns_per_step=lock.through_ns / steps,
                idle_ns_per_step=lock.idle_ns / len(view.light[0]),
                holder=max(lock.holders, key=lambda n: lock.holders[n]) if lock.holders else None,
                waiters=tuple(sorted(lock.waiters, key=lambda n: -lock.waiters[n])[:5]),
            )
        )
    return LockReport(hotspots, tuple(summaries), [wait for lock in locks for wait in lock.costly])


def _gather(view: CleanView, time: LockTime) -> list[_Lock]:
    """Return the locks waited for within the clean steps, with each wait counted as harmful or idle."""
    timeline, waits = view.timeline, view.timeline.lock_waits
    first, last = int(view.light[0][0]), int(view.light[1][-1])
    inside = np.flatnonzero((waits.end_ns > first) & (waits.start_ns < last))
    locks = {int(n): _Lock(waits.locks[int(n)]) for n in np.unique(waits.lock[inside])}
    holders = _Holders(view)
    harmful = _harmful(view, time, inside)
    for row, harm in zip(inside.tolist(), harmful.tolist(), strict=True):
        lock = locks[int(waits.lock[row])]
        ns = float(waits.end_ns[row] - waits.start_ns[row])
        lock.waits += 1
        if int(waits.track[row]) == timeline.main_track:
            lock.training_ns += harm
        else:
            lock.through_ns += harm
            if timeline.tracks[int(waits.track[row])].role == "worker":
                lock.through = "DataLoader workers"
        lock.idle_ns += ns - harm
        weight = harm or ns * IDLE_WEIGHT
        _count(lock.waited, _own(view, int(waits.waiter_stack[row])), weight)
        _count(lock.waiters, timeline.tracks[int(waits.track[row])].name, weight)
        held_by = holders.count(lock, row, weight)
        if harm:
            lock.costly += _costly(view, lock, row, float(harm), held_by)
    return list(locks.values())


def _costly(view: CleanView, lock: _Lock, row: int, harm: float, held_by: Counter[int]) -> list[CostlyWait]:
    """Return one wait's cost, divided among the stacks that its holder had meanwhile."""
    waits = view.timeline.lock_waits
    is_training = int(waits.track[row]) == view.timeline.main_track
    waiter, begun = int(waits.waiter_stack[row]), int(waits.start_ns[row])
    parts = held_by if held_by.total() else Counter({int(waits.holder_stack[row]): 1})
    whole = harm / parts.total()
    return [
        CostlyWait(lock.info.name, waiter, stack, is_training, part * whole, begun)
        for stack, part in parts.items()
    ]


def _harmful(view: CleanView, time: LockTime, rows: Ints) -> Ints:
    """Return how much of each wait cost the step: the training thread's own, or one that it waited for."""
    timeline, waits = view.timeline, view.timeline.lock_waits
    awaited = _awaited_within(view, time)
    awaited[timeline.main_track] = Coverage(*view.light)
    found = np.zeros(len(rows), dtype=np.int64)
    for track in np.unique(waits.track[rows]).tolist():
        mine = waits.track[rows] == track
        if track in awaited:
            found[mine] = awaited[track].within(waits.start_ns[rows][mine], waits.end_ns[rows][mine])
    return found


class _Holders:
    """Finds who held a lock during a wait, and at which line."""

    def __init__(self, view: CleanView) -> None:
        self._view = view
        self._index = StretchIndex(view.timeline.samples)
        self._workers = [n for n, t in enumerate(view.timeline.tracks) if t.role == "worker"]

    def count(self, lock: _Lock, row: int, weight: float) -> Counter[int]:
        """Count the holder of one wait, by its stacks meanwhile, or by its stack when the wait began.

        Returns:
            How long each of its stacks was seen meanwhile, ns; nothing where none was.
        """
        waits = self._view.timeline.lock_waits
        holder = int(waits.holder[row])
        candidates = [holder]
        if holder >= 0:
            _count(lock.holders, self._view.timeline.tracks[holder].name, weight)
        elif lock.info.kind in ACROSS_PROCESSES:
            candidates = [n for n in self._workers if n != int(waits.track[row])]
        seen = [
            (int(stretch), float(ns))
            for track in candidates
            for stretch, ns in zip(
                *self._index.overlapping(track, int(waits.start_ns[row]), int(waits.end_ns[row])), strict=True
            )
            if self._view.classifier.doing(int(self._view.timeline.samples.stack[stretch])) is not Doing.LOCK
        ]
        total = sum(ns for _, ns in seen)
        held_by: Counter[int] = Counter()
        if not total:
            _count(lock.held, _own(self._view, int(waits.holder_stack[row])), weight)
        for stretch, ns in seen if total else ():
            stack = int(self._view.timeline.samples.stack[stretch])
            frame = _own(self._view, stack)
            # A pool's thread with nothing to do has just let go of the lock.
            rests = frame is not None and not frame.own and self._view.classifier.doing(stack) in WAITING
            if frame is not None and not rests and (frame.own or holder >= 0):
                _count(lock.held, frame, weight * ns / total)
                held_by[stack] += int(ns)
        return held_by


def _awaited_within(view: CleanView, time: LockTime) -> dict[int, Coverage]:
    """Return for each other thread when the training thread waited for it: harmful lock waits lie there."""
    timeline, batches = view.timeline, view.timeline.batches
    found: dict[int, Coverage] = {}
    for number, track in enumerate(timeline.tracks):
        if track.role == "worker":
            mine = (batches.worker == track.worker) & (batches.begun_ns > 0)
            start = np.maximum(batches.wanted_ns[mine], batches.begun_ns[mine])
            end = np.maximum(np.minimum(batches.consumed_ns[mine], batches.made_ns[mine]), start)
            found[number] = Coverage(start, end)
    return found | {number: thread.times for number, thread in time.awaited.items()}


def _scale(locks: list[_Lock], time: LockTime) -> None:
    """Make the locks' times sum to what the split took for them."""
    for name, total in (("training_ns", float(time.own.sum())), ("through_ns", float(time.through.sum()))):
        known = sum(getattr(lock, name) for lock in locks)
        for lock in locks:
            setattr(lock, name, getattr(lock, name) * total / known if known else 0.0)


def _gil(view: CleanView, ns: float) -> _Lock:
    """Return the GIL as a lock: held by the threads that ran while the training thread waited for it."""
    timeline, blocked = view.timeline, view.timeline.blocked
    lock = _Lock(GIL, training_ns=ns)
    mine = (blocked.track == timeline.main_track) & (blocked.kind == KINDS.index("gil"))
    times = blocked.time_ns[mine]
    times = times[span_of(times, *view.light) >= 0]
    lock.waits = len(times)
    pid = timeline.tracks[timeline.main_track].pid
    holders = np.full(len(times), -1, dtype=np.int64)
    for number, track in enumerate(timeline.tracks):
        if track.pid == pid and number != timeline.main_track:
            _count_gil_holder(view, lock, number, (times, holders))
    waiters = _count_waiting_lines(view, lock, times)
    share = ns / max(len(times), 1)
    lock.costly = [
        CostlyWait(GIL.name, waiter, holder, True, share, at)
        for waiter, holder, at in zip(waiters.tolist(), holders.tolist(), times.tolist(), strict=True)
    ]
    return lock


def _count_gil_holder(view: CleanView, lock: _Lock, number: int, waited: tuple[Ints, Ints]) -> None:
    """Count a thread as holder at the instants of GIL wait at which it was running, by its stack then.

    Args:
        view: the clean steps.
        lock: the GIL.
        number: the thread's track.
        waited: the instants, and the stack of the holder at each, which is filled in.
    """
    blocked, samples = view.timeline.blocked, view.timeline.samples
    times, holders = waited
    running = np.sort(blocked.time_ns[(blocked.track == number) & (blocked.kind == KINDS.index("running"))])
    if not len(running):
        return
    place = np.clip(np.searchsorted(running, times), 1, max(len(running) - 1, 1))
    nearest = np.minimum(
        np.abs(running[place - 1] - times), np.abs(running[np.minimum(place, len(running) - 1)] - times)
    )
    at = np.flatnonzero(nearest < SAME_TICK_NS)
    held = times[at]
    stretches = np.flatnonzero(samples.track == number)
    order = stretches[np.argsort(samples.start_ns[stretches])]
    owner = span_of(held, samples.start_ns[order], samples.end_ns[order])
    known = owner >= 0
    holders[at[known]] = samples.stack[order[owner[known]]]
    for stretch in order[owner[known]]:
        _count(lock.held, _own(view, int(samples.stack[stretch])), 1.0)
    if len(held):
        _count(lock.holders, view.timeline.tracks[number].name, float(len(held)))


def _count_waiting_lines(view: CleanView, lock: _Lock, times: Ints) -> Ints:
    """Count where the training thread was at each instant; return its stack there, -1 where not seen."""
    samples = view.timeline.samples
    order = view.stretch[np.argsort(samples.start_ns[view.stretch])]
    place = span_of(times, samples.start_ns[order], samples.end_ns[order])
    for stretch in order[place[place >= 0]]:
        _count(lock.waited, _own(view, int(samples.stack[stretch])), 1.0)
    stacks = np.full(len(times), -1, dtype=np.int64)
    stacks[place >= 0] = samples.stack[order[place[place >= 0]]]
    return stacks


def _own(view: CleanView, stack: int) -> Frame | None:
    """Return the innermost own-code frame of a stack, or its leaf where it has none."""
    if stack < 0:
        return None
    frames = [view.timeline.stacks.frames[n] for n in view.timeline.stacks.stacks[stack]]
    return next((f for f in reversed(frames) if f.own), frames[-1] if frames else None)


def _count(table: dict[Key, float], key: Key | None, weight: float) -> None:
    if key is not None:
        table[key] = table.get(key, 0.0) + weight


def _busiest(table: dict[Frame, float]) -> Frame | None:
    return max(table, key=lambda frame: table[frame]) if table else None
