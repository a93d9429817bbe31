"""Find whom the training thread waited for among its process's threads: who ended each wait, and so on.

A thread that is awaited may itself wait for another one; then that one is awaited meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from throughput.attribute.classify import WAITING, Doing
from throughput.attribute.intervals import Coverage
from throughput.attribute.view import CleanView
from throughput.model.category import Phase
from throughput.model.timeline import Ints

LAST_SAMPLES = 1.5
"""Who was seen at work so shortly before a wait ended has probably ended it."""
LINKS_MAX = 4
"""Of a chain of threads that wait for one another."""
TIE = 1e-3
"""Work or lock waits earlier in the wait decide only where nobody worked at its end."""

Spans = tuple[Ints, Ints]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSpans:
    """What one thread was seen doing."""

    active: Coverage
    locked: Coverage
    waiting: Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """When the training thread waited for a thread, directly or through others; what it worked of that."""

    times: Coverage
    worked: Coverage


def producer_tracks(view: CleanView) -> list[int]:
    """Return the tracks of the training process's other threads that were ever seen doing something."""
    timeline = view.timeline
    pid = timeline.tracks[timeline.main_track].pid
    candidates = [n for n, t in enumerate(timeline.tracks) if t.pid == pid and t.role == "thread"]
    samples = timeline.samples
    return [
        n
        for n in candidates
        if any(
            view.classifier.doing(int(s)) not in WAITING for s in np.unique(samples.stack[samples.track == n])
        )
    ]


def training_waits(view: CleanView) -> Spans:
    """Return when the training thread waited outside of loaders and copies; split at ends of steps."""
    samples = view.timeline.samples
    waiting = view.stretch[np.isin(view.doing, WAITING)]
    waiting = waiting[samples.phase[waiting] == int(Phase.REST)]
    whole = Coverage(samples.start_ns[waiting], samples.end_ns[waiting])
    if not len(whole.start):
        return whole.start, whole.end
    cuts = view.light[1]
    place = np.maximum(np.searchsorted(whole.start, cuts, side="left") - 1, 0)
    cuts = cuts[(cuts > whole.start[place]) & (cuts < whole.end[place])]
    return np.sort(np.append(whole.start, cuts)), np.sort(np.append(whole.end, cuts))


def awaited_threads(view: CleanView) -> dict[int, Awaited]:
    """Return the threads that the training thread waited for, by track."""
    threads = {number: _seen(view, number) for number in producer_tracks(view)}
    found: dict[int, list[Spans]] = {}
    count = int(view.timeline.samples.count[view.stretch].sum())
    last_ns = LAST_SAMPLES * float(view.stretch_ns.sum()) / max(count, 1)
    _follow(threads, training_waits(view), int(last_ns), (), found)
    awaited = {}
    for number, spans in found.items():
        times = Coverage(np.concatenate([s for s, _ in spans]), np.concatenate([e for _, e in spans]))
        awaited[number] = Awaited(times=times, worked=times.common(threads[number].active))
    return awaited


def _seen(view: CleanView, number: int) -> ThreadSpans:
    """Return when a thread worked, waited for locks, and waited otherwise."""
    samples, waits = view.timeline.samples, view.timeline.lock_waits
    mine = np.flatnonzero(samples.track == number)
    doing = np.array([view.classifier.doing(int(s)) for s in samples.stack[mine]], dtype=np.int64)
    start, end = samples.start_ns[mine], samples.end_ns[mine]
    locks = waits.track == number
    rests = np.isin(doing, WAITING)
    works = ~rests & (doing != Doing.LOCK)
    locked = Coverage(waits.start_ns[locks], waits.end_ns[locks])
    return ThreadSpans(
        active=Coverage(start[works], end[works]).without(locked),
        locked=locked,
        waiting=Coverage(start[rests], end[rests]).without(locked),
    )


def _follow(
    threads: dict[int, ThreadSpans],
    spans: Spans,
    last_ns: int,
    chain: tuple[int, ...],
    found: dict[int, list[Spans]],
) -> None:
    """Give each span to the thread that ended it, and that one's own waits meanwhile to the next."""
    others = [number for number in threads if number not in chain]
    if not len(spans[0]) or not others or len(chain) >= LINKS_MAX:
        return
    waker = _wakers([threads[number] for number in others], spans, last_ns)
    for place, number in enumerate(others):
        mine = waker == place
        if not mine.any():
            continue
        start, end = spans[0][mine], spans[1][mine]
        found.setdefault(number, []).append((start, end))
        meanwhile = threads[number].waiting.common(Coverage(start, end))
        _follow(threads, (meanwhile.start, meanwhile.end), last_ns, (*chain, number), found)


def _wakers(threads: list[ThreadSpans], spans: Spans, last_ns: int) -> Ints:
    """Return for each span which thread worked most at its end; -1 where none did anything in it."""
    start, end = spans
    last = np.maximum(start, end - last_ns)
    scores = np.stack(
        [
            t.active.within(last, end) + TIE * (t.active.within(start, end) + t.locked.within(start, end))
            for t in threads
        ]
    )
    best: Ints = np.argmax(scores, axis=0).astype(np.int64)
    return np.where(scores.max(axis=0) > 0, best, -1)
