"""Name the locks that cost time: who held each, who waited, what it cost the step, what was idle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from throughput.attribute.classify import Doing
from throughput.attribute.hotspots import lock_hotspot
from throughput.attribute.intervals import Coverage, span_of
from throughput.attribute.view import CleanView
from throughput.attribute.waits import LockTime
from throughput.model.attribution import Hotspot, LockPlaces, LockSummary
from throughput.model.category import Phase
from throughput.model.timeline import KINDS, Frame, Ints, LockInfo

SAME_TICK_NS = 1_500_000
"""The syscall sampler reads a process's threads one after the other, within this time."""
GIL = LockInfo(name="the GIL", kind="GIL", made_at=None)

Key = TypeVar("Key", Frame, str)


@dataclass(slots=True)
class _Lock:
    info: LockInfo
    training_ns: float = 0.0
    through_ns: float = 0.0
    idle_ns: float = 0.0
    waits: int = 0
    held: dict[Frame, float] = field(default_factory=dict)
    waited: dict[Frame, float] = field(default_factory=dict)
    holders: dict[str, float] = field(default_factory=dict)
    waiters: dict[str, float] = field(default_factory=dict)


def lock_report(view: CleanView, time: LockTime) -> tuple[list[Hotspot], tuple[LockSummary, ...]]:
    """Return a hotspot for each lock that cost the steps time, and a summary of every contended lock."""
    locks = _gather(view)
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
            hotspots.append(lock_hotspot(view, places, held, waited, cost, lock.waits))
        steps = len(view.steps)
        summaries.append(
            LockSummary(
                places=places,
                waits=lock.waits,
                training_ns_per_step=lock.training_ns / steps,
                through_waker_ns_per_step=lock.through_ns / steps,
                idle_ns_per_step=lock.idle_ns / steps,
                holder=max(lock.holders, key=lambda n: lock.holders[n]) if lock.holders else None,
                waiters=tuple(sorted(lock.waiters, key=lambda n: -lock.waiters[n])[:5]),
            )
        )
    return hotspots, tuple(summaries)


def _gather(view: CleanView) -> list[_Lock]:
    """Return the locks waited for within the clean steps, with each wait counted as harmful or idle."""
    timeline, waits = view.timeline, view.timeline.lock_waits
    inside = np.flatnonzero((waits.end_ns > view.start_ns[0]) & (waits.start_ns < view.end_ns[-1]))
    locks = {int(n): _Lock(waits.locks[int(n)]) for n in np.unique(waits.lock[inside])}
    harm = _awaited_within(view)
    for row in inside:
        lock = locks[int(waits.lock[row])]
        ns = float(waits.end_ns[row] - waits.start_ns[row])
        track = timeline.tracks[int(waits.track[row])]
        lock.waits += 1
        if int(waits.track[row]) == timeline.main_track:
            harmful = _clean_part(view, int(waits.start_ns[row]), int(waits.end_ns[row]))
            lock.training_ns += harmful
        else:
            spans = harm.get(int(waits.track[row]))
            harmful = 0.0
            if spans is not None:
                harmful = float(spans.within(waits.start_ns[row : row + 1], waits.end_ns[row : row + 1])[0])
            lock.through_ns += harmful
        lock.idle_ns += ns - harmful
        weight = harmful or ns * 1e-6  # idle waits only break ties
        _count(lock.waited, _own(view, int(waits.waiter_stack[row])), weight)
        _count(lock.waiters, track.name, weight)
        _count_holder(view, lock, int(row), weight)
    return list(locks.values())


def _clean_part(view: CleanView, start: int, end: int) -> float:
    """Return how much of a span lies in clean steps."""
    whole = Coverage(view.start_ns, view.end_ns)
    return float(whole.within(np.array([start]), np.array([end]))[0])


def _count_holder(view: CleanView, lock: _Lock, row: int, weight: float) -> None:
    timeline, waits = view.timeline, view.timeline.lock_waits
    holder = int(waits.holder[row])
    if holder >= 0:
        _count(lock.holders, timeline.tracks[holder].name, weight)
    samples = timeline.samples
    meanwhile = (
        (samples.track == holder)
        & (samples.end_ns > waits.start_ns[row])
        & (samples.start_ns < waits.end_ns[row])
    )
    stretches = np.flatnonzero(meanwhile)
    if holder < 0 or not len(stretches):
        _count(lock.held, _own(view, int(waits.holder_stack[row])), weight)
        return
    overlap = np.minimum(samples.end_ns[stretches], waits.end_ns[row]) - np.maximum(
        samples.start_ns[stretches], waits.start_ns[row]
    )
    for stretch, ns in zip(stretches, overlap, strict=True):
        _count(lock.held, _own(view, int(samples.stack[stretch])), weight * float(ns) / float(overlap.sum()))


def _awaited_within(view: CleanView) -> dict[int, Coverage]:
    """Return for each other thread when the training thread waited for it: harmful lock waits lie there."""
    timeline, batches = view.timeline, view.timeline.batches
    found: dict[int, Coverage] = {}
    for number, track in enumerate(timeline.tracks):
        if track.role == "worker":
            mine = (batches.worker == track.worker) & (batches.begun_ns > 0)
            start = np.maximum(batches.wanted_ns[mine], batches.begun_ns[mine])
            end = np.maximum(np.minimum(batches.consumed_ns[mine], batches.made_ns[mine]), start)
            found[number] = Coverage(start, end)
        elif track.role == "thread":
            found[number] = _waits_in_rest(view)
    return found


def _waits_in_rest(view: CleanView) -> Coverage:
    samples = view.timeline.samples
    waiting = view.stretch[(view.doing == Doing.WAIT)]
    waiting = waiting[samples.phase[waiting] == int(Phase.REST)]
    return Coverage(samples.start_ns[waiting], samples.end_ns[waiting])


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
    times = times[span_of(times, view.start_ns, view.end_ns) >= 0]
    lock.waits = len(times)
    pid = timeline.tracks[timeline.main_track].pid
    for number, track in enumerate(timeline.tracks):
        if track.pid == pid and number != timeline.main_track:
            _count_gil_holder(view, lock, number, times)
    _count_waiting_lines(view, lock, times)
    return lock


def _count_gil_holder(view: CleanView, lock: _Lock, number: int, times: Ints) -> None:
    """Count a thread as holder at the instants of GIL wait at which it was running, by its stack then."""
    blocked, samples = view.timeline.blocked, view.timeline.samples
    running = np.sort(blocked.time_ns[(blocked.track == number) & (blocked.kind == KINDS.index("running"))])
    if not len(running):
        return
    place = np.clip(np.searchsorted(running, times), 1, max(len(running) - 1, 1))
    nearest = np.minimum(
        np.abs(running[place - 1] - times), np.abs(running[np.minimum(place, len(running) - 1)] - times)
    )
    held = times[nearest < SAME_TICK_NS]
    stretches = np.flatnonzero(samples.track == number)
    order = stretches[np.argsort(samples.start_ns[stretches])]
    owner = span_of(held, samples.start_ns[order], samples.end_ns[order])
    for stretch in order[owner[owner >= 0]]:
        _count(lock.held, _own(view, int(samples.stack[stretch])), 1.0)
    if len(held):
        _count(lock.holders, view.timeline.tracks[number].name, float(len(held)))


def _count_waiting_lines(view: CleanView, lock: _Lock, times: Ints) -> None:
    samples = view.timeline.samples
    order = view.stretch[np.argsort(samples.start_ns[view.stretch])]
    place = span_of(times, samples.start_ns[order], samples.end_ns[order])
    for stretch in order[place[place >= 0]]:
        _count(lock.waited, _own(view, int(samples.stack[stretch])), 1.0)


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
