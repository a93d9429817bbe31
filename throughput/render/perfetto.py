"""Turn a timeline into a trace that Perfetto opens: steps, phases, stacks, batches, lock waits, counters.

The format is Chrome's trace events: ui.perfetto.dev and chrome://tracing read it. Times are microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from throughput import units
from throughput.model.category import Phase
from throughput.model.timeline import Frame, Timeline
from throughput.render import view
from throughput.render.speedscope import track_name

Event = dict[str, Any]

# Rows of the trace that are no thread have numbers that no thread's index reaches.
STEP_ROW, PHASE_ROW, WORKER_ROW, LOCK_ROW = 1_000_000, 1_000_001, 2_000_000, 3_000_000


def perfetto_json(timeline: Timeline) -> bytes:
    """Return the trace; its clock begins with the first step."""
    base = timeline.steps[0].start_ns if timeline.steps else timeline.window_ns[0]
    pid = timeline.tracks[timeline.main_track].pid if timeline.tracks else 0
    events = [
        *_names(timeline, pid),
        *_steps(timeline, pid, base),
        *_phases(timeline, pid, base),
        *_stacks(timeline, base),
        *_batches(timeline, pid, base),
        *_lock_waits(timeline, base),
        *_counters(timeline, pid, base),
    ]
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": events}, separators=(",", ":")).encode("ascii")


def _slice(name: str, row: tuple[int, int], span: tuple[int, int], **args: Any) -> Event:
    start, end = span
    event: Event = {"ph": "X", "name": name, "pid": row[0], "tid": row[1], "ts": start / 1e3}
    event["dur"] = max(0, end - start) / 1e3
    if args:
        event["args"] = args
    return event


def _named(kind: str, pid: int, tid: int, name: str) -> Event:
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}


def _names(timeline: Timeline, pid: int) -> Iterator[Event]:
    """Yield the names of processes and rows."""
    yield _named("process_name", pid, 0, f"training process, rank {timeline.rank}")
    for number, track in enumerate(timeline.tracks):
        if track.pid != pid and track.worker is not None:
            yield _named("process_name", track.pid, 0, f"DataLoader worker {track.worker}")
        yield _named("thread_name", track.pid, number + 1, track_name(track))
    if timeline.steps:
        yield _named("thread_name", pid, STEP_ROW, "Steps")
    if timeline.segments.phase.size:
        yield _named("thread_name", pid, PHASE_ROW, "Phases of the training thread")
    for worker in np.unique(timeline.batches.worker).tolist():
        name = f"Batches, worker {worker}" if worker >= 0 else "Batches, training process"
        yield _named("thread_name", pid, WORKER_ROW + worker + 1, name)
    for number in np.unique(timeline.lock_waits.track).tolist():
        if 0 <= number < len(timeline.tracks):
            track = timeline.tracks[number]
            yield _named("thread_name", track.pid, LOCK_ROW + number, f"Lock waits, {track_name(track)}")


def _steps(timeline: Timeline, pid: int, base: int) -> Iterator[Event]:
    for step in timeline.steps:
        span = (step.start_ns - base, step.end_ns - base)
        yield _slice(
            f"step {step.index}", (pid, STEP_ROW), span, block=step.block.value, samples=step.samples
        )


def _phases(timeline: Timeline, pid: int, base: int) -> Iterator[Event]:
    segments = timeline.segments
    known = {int(phase): phase.name.lower() for phase in Phase}
    columns = (segments.phase, segments.start_ns - base, segments.end_ns - base)
    for phase, start, end in zip(*(column.tolist() for column in columns), strict=True):
        yield _slice(known.get(phase, f"phase {phase}"), (pid, PHASE_ROW), (start, end))


def _stacks(timeline: Timeline, base: int) -> Iterator[Event]:
    """Yield the sampled stacks as nested slices: what two neighbouring samples share is one slice."""
    samples, frames = timeline.samples, timeline.stacks.frames
    order = np.lexsort((samples.start_ns, samples.track))
    columns = (samples.track, samples.start_ns - base, samples.end_ns - base, samples.stack)
    open_: list[tuple[Frame, int]] = []
    previous, at = -1, 0
    for number, start, end, stack in zip(*(column[order].tolist() for column in columns), strict=True):
        if not 0 <= number < len(timeline.tracks) or not 0 <= stack < len(timeline.stacks.stacks):
            continue
        row = (timeline.tracks[previous].pid, previous + 1)
        if number != previous:
            yield from _closed(open_, 0, at, row)
            previous, at = number, start
        begin = max(start, at)
        if end <= begin:
            continue
        wanted = [frames[index] for index in timeline.stacks.stacks[stack]]
        shared = _shared(open_, wanted) if begin == at else 0
        row = (timeline.tracks[number].pid, number + 1)
        yield from _closed(open_, shared, at, row)
        open_ += [(frame, begin) for frame in wanted[shared:]]
        at = end
    if previous >= 0:
        yield from _closed(open_, 0, at, (timeline.tracks[previous].pid, previous + 1))


def _shared(open_: list[tuple[Frame, int]], wanted: list[Frame]) -> int:
    """Return how many outermost functions stay the same; another line of one is the same function."""
    for depth, ((frame, _), other) in enumerate(zip(open_, wanted, strict=False)):
        if _function(frame) != _function(other):
            return depth
    return min(len(open_), len(wanted))


def _function(frame: Frame) -> tuple[str, str, int]:
    return frame.function, frame.file, frame.first_line


def _closed(open_: list[tuple[Frame, int]], depth: int, end: int, row: tuple[int, int]) -> Iterator[Event]:
    """Yield the slices deeper than `depth` and take them off."""
    while len(open_) > depth:
        frame, start = open_.pop()
        at = view.place(frame.file, frame.line)
        yield _slice(view.plain(frame.function, 200), row, (start, end), at=at)


def _batches(timeline: Timeline, pid: int, base: int) -> Iterator[Event]:
    """Yield the making of each batch, with fetch and collate inside it."""
    batches = timeline.batches
    columns = (batches.index, batches.worker, batches.begun_ns, batches.fetched_ns, batches.made_ns)
    waits = (batches.wanted_ns, batches.consumed_ns)
    for values in zip(*(column.tolist() for column in (*columns, *waits)), strict=True):
        index, worker, begun, fetched, made, wanted, consumed = values
        if begun < 0 or made < begun:
            continue
        row = (pid, WORKER_ROW + worker + 1)
        known = {"wanted": wanted, "consumed": consumed}
        args = {name: units.duration(time - begun) for name, time in known.items() if time >= 0}
        yield _slice(f"batch {index}", row, (begun - base, made - base), **args)
        if begun <= fetched <= made:
            yield _slice("fetch", row, (begun - base, fetched - base))
            yield _slice("collate and send", row, (fetched - base, made - base))


def _lock_waits(timeline: Timeline, base: int) -> Iterator[Event]:
    waits = timeline.lock_waits
    columns = (waits.track, waits.start_ns, waits.end_ns, waits.lock, waits.holder)
    for number, start, end, lock, holder in zip(*(column.tolist() for column in columns), strict=True):
        if not 0 <= number < len(timeline.tracks):
            continue
        info = waits.locks[lock] if 0 <= lock < len(waits.locks) else None
        name = f"{view.plain(info.kind, 40)} {view.plain(info.name, 100)}" if info else "a lock"
        held = track_name(timeline.tracks[holder]) if 0 <= holder < len(timeline.tracks) else "unknown"
        row = (timeline.tracks[number].pid, LOCK_ROW + number)
        yield _slice(name, row, (start - base, end - base), held_by=held)


def _counters(timeline: Timeline, pid: int, base: int) -> Iterator[Event]:
    for counter in timeline.counters:
        name = view.plain(counter.name, 80)
        for time, value in zip(counter.time_ns.tolist(), counter.value.tolist(), strict=True):
            if value - value == 0:  # neither NaN nor infinite: JSON has neither
                ts = (time - base) / 1e3
                yield {"ph": "C", "name": name, "pid": counter.pid or pid, "ts": ts, "args": {"value": value}}
