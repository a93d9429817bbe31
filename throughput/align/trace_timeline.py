"""Turn a trace's columns into one rank's timeline: steps, phases, device work, facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from throughput import units
from throughput.align.trace_facts import device_facts
from throughput.align.trace_steps import LOADER, OPTIMIZER, FoundSteps, busiest_thread, find_steps
from throughput.model.category import Phase
from throughput.model.nesting import ThreadSpans
from throughput.model.timeline import DeviceWork, Ints, Operators, Segments, Step, Timeline, Track
from throughput.model.trace import RankTrace, SpanKind, TraceEvents

LAUNCHES = re.compile(
    r"^(cuda|hip|cu)(LaunchKernel|LaunchCooperativeKernel|ExtLaunchKernel|ModuleLaunchKernel|Memcpy)"
)
UNMATCHED = 0.1
"""Of calls or of work: at a trace's ends a few have no partner; more were lost."""
NAMES_KEPT = 2_000
"""Of operators counted by name; a model has a few hundred."""
PAINTED = (
    (SpanKind.ANNOTATION, OPTIMIZER, Phase.OPTIMIZER),
    (SpanKind.ANNOTATION, LOADER, Phase.LOADER),
    (SpanKind.RUNTIME, re.compile("emcpy"), Phase.COPY),
    (SpanKind.RUNTIME, re.compile("Synchronize"), Phase.SYNC),
)
"""Spans that are drawn as a phase; the later lie on top."""


def rank_trace(events: TraceEvents, rank: int, notes: Sequence[str] = ()) -> RankTrace:
    """Return one rank's timeline with its events.

    Args:
        events: the trace.
        rank: its number among the traces that are read together.
        notes: what a reader must know beside what the trace says.
    """
    return _trace_of(events, find_steps(events), rank, notes)


def live_trace(events: TraceEvents, steps: Sequence[Step], native_id: int | None, rank: int) -> RankTrace:
    """Return the trace that a run of ours recorded, with the steps that the run itself marked.

    Args:
        events: the trace.
        steps: on the trace's clock.
        native_id: the training thread, as the system numbers it.
        rank: whose it is.
    """
    known = (n for n, (_, thread) in enumerate(events.threads) if thread == str(native_id))
    thread = next(known, busiest_thread(events))
    return _trace_of(events, FoundSteps(steps=tuple(steps), rule="", thread=thread), rank, ())


def _trace_of(events: TraceEvents, found: FoundSteps, rank: int, notes: Sequence[str]) -> RankTrace:
    window = (found.steps[0].start_ns, found.steps[-1].end_ns) if found.steps else (0, 0)
    main = events.thread_spans(found.thread, window)
    names = [events.threads[found.thread]] if found.thread is not None else [("", "")]
    timeline = Timeline(
        rank=rank,
        steps=found.steps,
        tracks=(
            Track(pid=0, tid=0, native_id=None, name=f"thread {names[0][1]}", role="training", rank=rank),
        ),
        segments=_segments(events, found),
        operators=_operators(events, found.thread),
        device_work=_device_work(events),
        facts=_facts(events, found, main),
        window_ns=window,
        notes=(*notes, *([found.note] if found.note else []), *_missing(events), *events.notes),
    )
    return RankTrace(timeline=timeline, events=events, thread=found.thread, main=main)


def _missing(events: TraceEvents) -> list[str]:
    """Return which side of the training the trace doesn't show."""
    if not len(events.device.kind):
        return ["The trace shows no work of a device: figures are those of a training on the CPU."]
    if not len(events.host.kind):
        return ["The trace shows no threads of the host: why devices were idle is not known."]
    return _unmatched(events)


def _unmatched(events: TraceEvents) -> list[str]:
    """Return what is missing where calls that launch work, and the work, don't belong together."""
    launching = events.named(SpanKind.RUNTIME, LAUNCHES.search)
    calls, work = events.host.correlation[launching], events.device.correlation
    calls, work = calls[calls >= 0], work[work >= 0]
    lost = float(np.mean(~np.isin(calls, work))) if len(calls) else 0.0
    every = events.host.correlation[events.spans(SpanKind.RUNTIME)]
    alone = float(np.mean(~np.isin(work, every))) if len(work) and len(launching) else 0.0
    notes = []
    if lost > UNMATCHED:
        notes.append(
            f"Of {units.percent(lost)} of the calls that launch work of a device the trace lacks that work."
        )
    if alone > UNMATCHED:
        notes.append(
            f"Of {units.percent(alone)} of the work of devices the trace lacks the call that launched it."
        )
    return notes


def _device_work(events: TraceEvents) -> DeviceWork:
    device = events.device
    used, name = np.unique(device.name, return_inverse=True)
    return DeviceWork(
        device=device.device.astype(np.int64),
        kind=device.kind.astype(np.int64),
        start_ns=device.start_ns,
        end_ns=device.end_ns,
        name=name.astype(np.int64),
        names=tuple(events.names[n] for n in used.tolist()),
    )


def _facts(events: TraceEvents, found: FoundSteps, main: ThreadSpans) -> dict[str, Any]:
    used = bool(len(events.device.kind))
    facts: dict[str, Any] = {
        "device_used": used,
        "step_rule": found.rule,
        "world_size": events.world_size,
        "trace": dict(events.facts) | {"python": bool(events.frames), "stacks": bool(events.stack_frames)},
    }
    devices = np.unique(events.device.device).tolist()
    known = [events.device_names[n] for n in devices if n in events.device_names]
    if known:
        facts["device_name"] = known[0]
    device = device_facts(events, found.thread, found.steps, main) if used else None
    return facts | ({"device": device} if device else {})


def _operators(events: TraceEvents, thread: int | None) -> Operators:
    """Return the outermost operators of the training thread."""
    host = events.host
    rows = np.flatnonzero(
        (host.kind == int(SpanKind.OPERATOR)) & (host.thread == (-1 if thread is None else thread))
    )
    if not len(rows):
        return Operators()
    start, end = host.start_ns[rows], host.end_ns[rows]
    reach = np.concatenate([[start[0]], np.maximum.accumulate(end)[:-1]])
    outer = start >= reach
    used, name = np.unique(host.name[rows[outer]], return_inverse=True)
    counts = np.bincount(host.name[rows])
    most = np.argsort(-counts, kind="stable")[: min(NAMES_KEPT, np.count_nonzero(counts))]
    calls = host.start_ns[(host.kind == int(SpanKind.RUNTIME)) & (host.thread == thread)]
    bounds = np.searchsorted(calls, np.stack([start[outer], end[outer]]))
    return Operators(
        names=tuple(events.names[n] for n in used.tolist()),
        name=name.astype(np.int64),
        start_ns=start[outer],
        end_ns=end[outer],
        inner_counts={events.names[n]: int(counts[n]) for n in most.tolist()},
        device_calls=bounds[1] - bounds[0],
    )


def _segments(events: TraceEvents, found: FoundSteps) -> Segments:
    """Return the training thread's phases within the steps, as annotations and calls show them."""
    if found.thread is None or not found.steps:
        return Segments()
    host = events.host
    spans: list[tuple[Ints, Ints, Phase]] = []
    for kind, pattern, phase in PAINTED:
        rows = events.named(kind, pattern.search)
        rows = rows[host.thread[rows] == found.thread]
        spans.append((host.start_ns[rows], host.end_ns[rows], phase))
    return painted(found.steps, spans)


def painted(steps: Sequence[Step], spans: Sequence[tuple[Ints, Ints, Phase]]) -> Segments:
    """Return segments that tile the steps; where spans of several phases overlap the later one counts."""
    bounds = np.array([(s.start_ns, s.end_ns) for s in steps], dtype=np.int64)
    edges = np.unique(np.concatenate([bounds.ravel(), *(np.concatenate([a, b]) for a, b, _ in spans)]))
    middle = (edges[:-1] + edges[1:]) // 2
    phase = np.full(len(middle), int(Phase.REST), dtype=np.int64)
    for start, end, painted_as in spans:
        open_ = np.searchsorted(np.sort(start), middle, side="right") > np.searchsorted(np.sort(end), middle)
        phase[open_] = int(painted_as)
    order = np.argsort(bounds[:, 0], kind="stable")
    place = np.searchsorted(bounds[order, 0], middle, side="right") - 1
    inside = (place >= 0) & (middle < bounds[order, 1][np.maximum(place, 0)])
    first, last, phase = edges[:-1][inside], edges[1:][inside], phase[inside]
    # Neighbours of one phase are one segment.
    new = np.ones(len(first), dtype=bool)
    new[1:] = (phase[1:] != phase[:-1]) | (first[1:] != last[:-1])
    ends = np.append(np.flatnonzero(new)[1:] - 1, len(first) - 1) if len(first) else np.zeros(0, np.int64)
    zeros = np.zeros(int(new.sum()), dtype=np.int64)
    return Segments(phase=phase[new], start_ns=first[new], end_ns=last[ends], cpu_ns=zeros, runq_ns=zeros - 1)
