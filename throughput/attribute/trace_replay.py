"""Replay a trace from the durations in it: the host's calls in their order, what they launch on its streams.

Durations are put in, waits come out: how long a synchronising call, a blocking copy or a kernel waits follows
from what it waits for. The unchanged replay must give the measured step, or nothing is predicted from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from throughput.attribute.trace_layers import COPY_CALL, SYNC, HostReader, loading_spans
from throughput.model.attribution import TraceReplay, WhatIf
from throughput.model.category import Category
from throughput.model.timeline import DEVICE_KINDS, Ints
from throughput.model.trace import RankTrace, SpanKind

CALL_NS = 5_000
"""What a synchronising call takes when there is nothing to wait for."""
HANDOVER_NS = 20_000
"""A stream that waits for another one's event goes on within it."""
LATENCY_NS = 6_000
"""From a launch to its kernel on an idle stream, where a trace shows no such launch."""
CALLS_MAX = 200_000
"""Of the host, to replay one by one: a fifth of a second each time. Of a longer trace its first steps stand
for the rest."""
CALLS_MOST = 2_000_000
"""Of one step: beyond it there is no replay."""
HOST_SCALES = (0.2, 1.5)
"""Tracing makes the host's part of a step up to three times as long; noise may make it shorter."""
HALVINGS = 8
"""Of that range: to within 0.5 %."""
CHANGES = ("loading", "syncs", "copies")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Columns of the host's calls in their order, and of the devices' spans in the order of launching."""

    before: Ints
    """What the host did from the call before to this one, ns."""
    loading: Ints
    """Of it, and of the call, what was loading."""
    lasts: list[int]
    waits: list[bool]
    """The call waits for all that was launched."""
    blocks: list[bool]
    """The call waits for what it launches itself."""
    spans: list[int]
    """Of each call, how many of the spans before it were launched; one more, at the end."""
    stream: list[int]
    length: list[int]
    sends: list[bool]
    after: list[int]
    """The span of another stream for whose end a span waits; -1 for none."""
    stages: list[int]
    """From a call to when what it launches could begin: the host prepares copies that block."""
    tail: int
    """For how long devices still worked when the last step had ended."""
    after_ns: int
    """What the host did after the last call."""
    steps: int
    wall_ns: int
    """Of the steps that are replayed."""


def replayed(trace: RankTrace, launched_by: Ints, step_ns: float | None = None) -> TraceReplay | None:
    """Return the replay of a trace, as it was and with each change; None where there is nothing to replay.

    Args:
        trace: one rank's.
        launched_by: of each span of a device the host's call that began it, -1 for none.
        step_ns: what a step takes untraced, where that is known: what the host does is sped up until a replay
            gives it, for tracing slows the host and not the device.
    """
    work = _work(trace, launched_by)
    if work is None:
        return None
    if step_ns is not None:
        work = _untraced(replace(work, wall_ns=round(step_ns * work.steps)))
    base = _run(work, frozenset())
    if base <= 0:
        return None
    changed = []
    for change in CHANGES:
        total = min(base, _run(work, frozenset((change,))))
        changed.append(WhatIf(change=change, step_ns=total / work.steps, speedup=base / max(total, 1)))
    return TraceReplay(step_ns=base / work.steps, error=base / work.wall_ns - 1.0, changed=tuple(changed))


def _untraced(work: _Work) -> _Work:
    """Return the work with the host's own time scaled such that a replay takes what `wall_ns` says."""
    low, high = HOST_SCALES
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _run(_scaled(work, middle), frozenset()) < work.wall_ns else (low, middle)
        )
    return _scaled(work, (low + high) / 2)


def _scaled(work: _Work, part: float) -> _Work:
    return replace(
        work,
        before=np.rint(work.before * part).astype(np.int64),
        loading=np.rint(work.loading * part).astype(np.int64),
        lasts=[round(ns * part) for ns in work.lasts],
        after_ns=round(work.after_ns * part),
    )


def _run(work: _Work, changes: frozenset[str]) -> int:
    """Return how long the steps take, ns."""
    now, latest = 0, 0
    free: dict[int, int] = {}
    ended = [0] * len(work.length)
    before = work.before - work.loading if "loading" in changes else work.before
    copies_aside, no_syncs = "copies" in changes, "syncs" in changes
    stream, length, sends, after = work.stream, work.length, work.sends, work.after
    rows = zip(
        before.tolist(), work.lasts, work.waits, work.blocks, work.stages, pairwise(work.spans), strict=True
    )
    for gone, lasts, waits, blocks, stages, (first, last) in rows:
        now += gone
        own = 0
        for span in range(first, last):
            aside = copies_aside and sends[span]
            on = -1 if aside else stream[span]
            begins = max(now + stages, free.get(on, 0), 0 if aside or after[span] < 0 else ended[after[span]])
            ended[span] = free[on] = own = begins + length[span]
            latest = max(latest, own)
        if waits:
            now = now + CALL_NS if no_syncs else max(now + CALL_NS, latest)
        elif blocks:
            now = now + CALL_NS if copies_aside else max(now + CALL_NS, own)
        else:
            now += lasts
    return max(now + work.after_ns, latest - work.tail)


def _work(trace: RankTrace, launched_by: Ints) -> _Work | None:
    """Return the columns to replay; None where the host called nothing or no device worked."""
    host, spans = trace.events.host, trace.events.device
    read = HostReader(trace)
    rows = [read.outermost(SpanKind.RUNTIME, thread) for thread in read.launching.tolist()]
    calls = np.sort(np.concatenate(rows)) if rows else np.zeros(0, np.int64)
    window, steps = _window(trace, host.start_ns[calls])
    first, last = window
    calls = calls[(host.start_ns[calls] >= first) & (host.start_ns[calls] < last)]
    if not 0 < len(calls) <= CALLS_MOST or not len(spans.kind):
        return None
    begins, ends = host.start_ns[calls], np.minimum(host.end_ns[calls], last)
    reach = np.concatenate([[first], np.maximum.accumulate(ends)[:-1]])
    # Threads that call at once: only what adds to the time that has passed counts.
    before = np.maximum(begins - reach, 0)
    lasts = np.maximum(ends - np.maximum(begins, reach), 0)
    launched = _launched(trace, calls, launched_by, window)
    mine = launched.rows
    loading = read.cover(loading_spans(read))
    inside = loading.within(reach, np.maximum(begins, reach))
    copies = np.isin(calls, read.events.named(SpanKind.RUNTIME, COPY_CALL.search))
    own_end = np.zeros(len(calls), dtype=np.int64)
    np.maximum.at(own_end, launched.call, spans.end_ns[mine])
    blocks = copies & (own_end > begins) & (own_end <= ends + CALL_NS)
    return _Work(
        before=before,
        loading=np.minimum(inside, before),
        lasts=lasts.tolist(),
        waits=np.isin(calls, read.events.named(SpanKind.RUNTIME, SYNC.match)).tolist(),
        blocks=blocks.tolist(),
        spans=np.searchsorted(launched.call, np.arange(len(calls) + 1)).tolist(),
        stream=(spans.device[mine].astype(np.int64) * 100_000 + spans.stream[mine]).tolist(),
        length=(spans.end_ns[mine] - spans.start_ns[mine]).tolist(),
        sends=(spans.kind[mine] == DEVICE_KINDS.index(Category.HOST_TO_DEVICE)).tolist(),
        after=_handovers(trace, mine).tolist(),
        stages=_stages(trace, launched, (begins, blocks)).tolist(),
        tail=max(0, int(spans.end_ns[mine].max(initial=last)) - last),
        after_ns=max(0, last - int(ends.max())),
        steps=steps,
        wall_ns=last - first,
    )


def _window(trace: RankTrace, calls: Ints) -> tuple[tuple[int, int], int]:
    """Return the time to replay, and how many steps it holds: all, or the first with few enough calls."""
    steps = trace.timeline.steps
    counts = np.searchsorted(calls, [step.end_ns for step in steps])
    counts = counts - np.searchsorted(calls, steps[0].start_ns)
    number = max(1, int(np.searchsorted(counts, CALLS_MAX, side="right")))
    return (steps[0].start_ns, steps[number - 1].end_ns), number


@dataclass(frozen=True, slots=True, kw_only=True)
class _Launched:
    """Spans of devices in the order of launching, and which of the calls launched each."""

    rows: Ints
    call: Ints


def _launched(trace: RankTrace, calls: Ints, by_call: Ints, window: tuple[int, int]) -> _Launched:
    """Return the devices' spans that calls launched; those without a call go with the one before them."""
    host, spans = trace.events.host, trace.events.device
    first, last = window
    at = np.where(by_call >= 0, host.start_ns[by_call], spans.start_ns)
    place = np.searchsorted(host.start_ns[calls], at, side="right") - 1
    rows = np.flatnonzero((place >= 0) & (spans.start_ns >= first) & (spans.start_ns < last))
    rows = rows[np.argsort(place[rows], kind="stable")]
    return _Launched(rows=rows, call=place[rows])


def _handovers(trace: RankTrace, rows: Ints) -> Ints:
    """Return for each span the one of another stream for whose end it evidently waited; -1 for none.

    A trace shows no events between streams: a span that begins just when one of another stream ends,
    later than its own stream was free, is taken to have waited for it.
    """
    spans = trace.events.device
    after = np.full(len(rows), -1, dtype=np.int64)
    for device in np.unique(spans.device[rows]).tolist():
        mine = np.flatnonzero(spans.device[rows] == device)
        if len(np.unique(spans.stream[rows[mine]])) < 2:
            continue
        by_end = mine[np.argsort(spans.end_ns[rows[mine]], kind="stable")]
        ends = spans.end_ns[rows[by_end]]
        begins = spans.start_ns[rows[mine]]
        place = np.searchsorted(ends, begins, side="right") - 1
        near = by_end[np.maximum(place, 0)]
        other = spans.stream[rows[near]] != spans.stream[rows[mine]]
        soon = (place >= 0) & (begins - ends[np.maximum(place, 0)] <= HANDOVER_NS)
        earlier = near < mine  # launched before it: else it could not be waited for
        after[mine] = np.where(other & soon & earlier, near, -1)
    return after


def _stages(trace: RankTrace, launched: _Launched, calls: tuple[Ints, npt.NDArray[np.bool_]]) -> Ints:
    """Return of each call the time until what it launches could begin on a stream that is idle."""
    spans, (begins, blocks) = trace.events.device, calls
    stages = np.full(len(begins), _latency(trace, launched, begins), dtype=np.int64)
    stream = spans.device[launched.rows].astype(np.int64) * 100_000 + spans.stream[launched.rows]
    # The end of what ran before on the stream: the later of that and the call is when preparing began.
    order = np.lexsort((spans.start_ns[launched.rows], stream))
    ends = spans.end_ns[launched.rows][order]
    before = np.where(np.diff(stream[order], prepend=-1) == 0, np.concatenate([[0], ends[:-1]]), 0)
    free = np.zeros(len(order), dtype=np.int64)
    free[order] = before
    from_ = np.maximum(begins[launched.call], free)
    took = np.maximum(spans.start_ns[launched.rows] - from_, 0)
    chosen = blocks[launched.call] & (free <= begins[launched.call])
    stages[launched.call[chosen]] = took[chosen]
    return stages


def _latency(trace: RankTrace, launched: _Launched, begins: Ints) -> int:
    """Return the usual time from a call to its span on a stream that was idle."""
    spans = trace.events.device
    took = spans.start_ns[launched.rows] - begins[launched.call]
    took = took[(took > 0) & (took < 100_000)]
    return int(np.quantile(took, 0.1)) if len(took) else LATENCY_NS
