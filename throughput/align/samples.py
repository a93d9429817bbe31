"""Put sampled stacks on the run's clock, from py-spy or from the in-process sampler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from throughput.align.clocks import find_offset
from throughput.align.events import Events, Kind
from throughput.align.frames import FrameReader
from throughput.align.phases import SHOWN, phase_of
from throughput.align.pyspy import RawSamples
from throughput.align.threads import Tracks
from throughput.model.category import Phase
from throughput.model.timeline import Frame, Ints, Samples, Segments, Stacks

AGREEMENT_MIN = 0.6
"""Below it the stacks' clock is not believed to be aligned, and the report says so."""
AGREEMENT_TRIVIAL = 0.97
"""A thread that stays in one phase agrees at any offset."""


@dataclass(slots=True)
class StackTable:
    """Interns frames and stacks while they are read."""

    frames: dict[Frame, int] = field(default_factory=dict)
    stacks: dict[tuple[int, ...], int] = field(default_factory=dict)

    def add(self, frames: Iterable[Frame]) -> int:
        """Return the number of a stack, outermost frame first."""
        key = tuple(self.frames.setdefault(frame, len(self.frames)) for frame in frames)
        return self.stacks.setdefault(key, len(self.stacks))

    def done(self) -> Stacks:
        """Return the table."""
        return Stacks(frames=tuple(self.frames), stacks=tuple(self.stacks))


def from_pyspy(
    raw: RawSamples,
    reader: FrameReader,
    table: StackTable,
    tracks: Tracks,
    segments: Segments,
    span_ns: tuple[int, int | None],
) -> tuple[Samples, float]:
    """Return py-spy's stretches on the run's clock, and how well its stacks agree with the light timers.

    `span_ns` says when it began, and when it was paused where it was: what it shows afterwards is stale.
    """
    began_ns, ended_ns = span_ns
    stacks = [reader.stack(stack) for stack in raw.stacks]
    numbers = np.array([table.add(stack) for stack in stacks] or [0], dtype=np.int64)
    phases = np.array([int(phase_of(stack)) for stack in stacks] or [0], dtype=np.int64)
    own = np.array([bool(stack) for stack in stacks] or [False])
    keep = own[raw.stack] if len(raw.stack) else np.zeros(0, dtype=bool)
    pid, tid, stack = raw.pid[keep], raw.tid[keep], raw.stack[keep]
    start, end = raw.start_us[keep] * 1_000, raw.end_us[keep] * 1_000
    track = np.array(
        [tracks.number(int(p), int(t), stacks[s]) for p, t, s in zip(pid, tid, stack, strict=True)],
        dtype=np.int64,
    )
    training = (pid == tracks.training[0]) & (tid == tracks.training[1])
    timed = np.where(
        np.isin(segments.phase, [int(phase) for phase in SHOWN]), segments.phase, int(Phase.REST)
    )
    offset, agreement = find_offset(
        start[training], phases[stack[training]], (segments.start_ns, segments.end_ns, timed), began_ns
    )
    usual = _usual_length(start, end)
    # A stack was so from about half an interval before it was seen.
    shift = offset - int(usual // 2)
    start, end = start + shift, end + shift
    if ended_ns is not None:
        end = np.minimum(end, ended_ns)
    fresh = end > start
    samples = Samples(
        track=track[fresh],
        start_ns=start[fresh],
        end_ns=end[fresh],
        stack=(numbers[stack] if len(stack) else stack)[fresh],
        count=np.maximum(1, np.round((end - start) / usual)).astype(np.int64)[fresh],
        phase=(np.where(training, phases[stack], -1) if len(stack) else stack)[fresh],
    )
    return samples, agreement


def _usual_length(start: Ints, end: Ints) -> float:
    """Return the time from one instant to the next, ns: most stretches are of one instant."""
    return max(float(np.median(end - start)), 1.0) if len(start) else 1.0


def from_inprocess(
    processes: Iterable[tuple[int, Events, dict[int, int]]], table: StackTable, tracks: Tracks
) -> Samples:
    """Return the in-process sampler's stretches; `processes` are (pid, events, its stack numbers -> ours)."""
    frames = list(table.frames)
    stacks = list(table.stacks)
    rows: list[tuple[int, int, int, int, int, int]] = []
    for pid, events, numbers in processes:
        for row in events.of(Kind.STACK_SAMPLE):
            stack = numbers.get(int(row[3]), -1)
            if stack < 0:
                continue
            shown = tuple(frames[n] for n in stacks[stack])
            track = tracks.number(pid, int(row[0]), shown)
            training = (pid, int(row[0])) == tracks.training
            rows.append((track, int(row[1]), int(row[2]), stack, 1, int(phase_of(shown)) if training else -1))
    columns = np.array(sorted(rows, key=lambda r: r[1]), dtype=np.int64).reshape(-1, 6).T
    return Samples(
        track=columns[0],
        start_ns=columns[1],
        end_ns=columns[2],
        stack=columns[3],
        count=columns[4],
        phase=columns[5],
    )
