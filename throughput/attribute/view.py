"""Select what attribution works on: clean steps, their segments, the training thread's stretches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from throughput.attribute.classify import Classifier, Doing
from throughput.attribute.intervals import span_of
from throughput.attribute.lines import SourceIndex
from throughput.model.category import Phase
from throughput.model.timeline import Ints, Step, Timeline, training_functions

PHASES = len(Phase)
LOOP_SHARE = 0.1
"""Of a function's time: less than this outside of backward is its own call of backward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanView:
    """One rank's clean steps as columns. Segment and stretch columns are of those within clean steps."""

    timeline: Timeline
    steps: tuple[Step, ...]
    start_ns: Ints
    end_ns: Ints
    light: tuple[Ints, Ints]
    """Start and end of all steps from which stacks may be read, also those that the sampler slowed."""
    seg_step: Ints
    seg_phase: Ints
    seg_start: Ints
    seg_end: Ints
    seg_cpu: Ints
    seg_runq: Ints
    seg_region: Ints
    stretch: Ints
    """Indices into `timeline.samples` of the training thread's stretches."""
    doing: Ints
    """What each of them shows (Doing)."""
    classifier: Classifier
    lines: SourceIndex
    loops: frozenset[tuple[str, str]] = frozenset()
    """Library functions (file, name) that run the training loop: they only enclose the steps."""

    @property
    def durations(self) -> Ints:
        """Wall time of each step, ns."""
        return self.end_ns - self.start_ns

    @property
    def stretch_ns(self) -> Ints:
        """Length of each of the training thread's stretches, ns."""
        samples = self.timeline.samples
        length: Ints = np.maximum(samples.end_ns[self.stretch] - samples.start_ns[self.stretch], 0)
        return length

    def of_segments(self, values: Ints) -> Ints:
        """Return values of segments summed by step and phase, shape (steps, phases)."""
        table = np.zeros((len(self.steps), PHASES), dtype=np.int64)
        np.add.at(table, (self.seg_step, self.seg_phase), values)
        return table

    def segment_at(self, times: Ints) -> Ints:
        """Return the segment that holds each time; -1 where none does."""
        return span_of(times, self.seg_start, self.seg_end)


def clean_view(timeline: Timeline) -> CleanView | None:
    """Return the clean steps as columns; None where there are none."""
    steps = tuple(s for s in timeline.steps if s.block.is_clean and s.duration_ns > 0)
    if not steps:
        return None
    start = np.array([s.start_ns for s in steps], dtype=np.int64)
    end = np.array([s.end_ns for s in steps], dtype=np.int64)
    segments = timeline.segments
    owner = span_of((segments.start_ns + segments.end_ns) // 2, start, end)
    keep = owner >= 0
    seg_start = np.maximum(segments.start_ns[keep], start[owner[keep]])
    seg_end = np.minimum(segments.end_ns[keep], end[owner[keep]])
    lines = SourceIndex(timeline.sources)
    classifier = Classifier(timeline.stacks, lines, training_functions(timeline))
    samples = timeline.samples
    middle = (samples.start_ns + samples.end_ns) // 2
    light = tuple(s for s in timeline.steps if s.block.is_light and s.duration_ns > 0)
    spans = (
        np.array([s.start_ns for s in light], dtype=np.int64),
        np.array([s.end_ns for s in light], dtype=np.int64),
    )
    mine = np.flatnonzero((samples.track == timeline.main_track) & (span_of(middle, *spans) >= 0))
    doing = np.array([classifier.doing(int(n)) for n in samples.stack[mine]], dtype=np.int64)
    return CleanView(
        timeline=timeline,
        steps=steps,
        start_ns=start,
        end_ns=end,
        light=spans,
        seg_step=owner[keep],
        seg_phase=np.clip(segments.phase[keep], 0, PHASES - 1),
        seg_start=seg_start,
        seg_end=np.maximum(seg_start, seg_end),
        seg_cpu=segments.cpu_ns[keep],
        seg_runq=segments.runq_ns[keep],
        seg_region=_regions_of(timeline)[keep],
        stretch=mine,
        doing=doing,
        classifier=classifier,
        lines=lines,
        loops=_loops(timeline, mine),
    )


def _regions_of(timeline: Timeline) -> Ints:
    """Return the region of each segment; 0 where none was seen."""
    region = timeline.segments.region
    if len(region) != len(timeline.segments.phase):
        return np.zeros(len(timeline.segments.phase), dtype=np.int64)
    return np.where(region < len(timeline.regions), region, 0)


def _loops(timeline: Timeline, stretches: Ints) -> frozenset[tuple[str, str]]:
    """Return the library functions that run the loop (`Trainer.train`): on stacks in and outside of backward.

    A function that calls backward is seen outside of it too, for an instant: that is not a loop.
    """
    samples, stacks = timeline.samples, timeline.stacks
    time: dict[tuple[str, str], list[int]] = {}
    for n in stretches.tolist():
        length = int(samples.end_ns[n] - samples.start_ns[n])
        inside = int(samples.phase[n]) == int(Phase.BACKWARD)
        for number in set(stacks.stacks[int(samples.stack[n])]):
            frame = stacks.frames[number]
            if not frame.own:
                time.setdefault((frame.file, frame.function), [0, 0])[inside] += length
    return frozenset(
        place
        for place, (outside, within) in time.items()
        if within and outside > LOOP_SHARE * (outside + within)
    )


def doing_weights(view: CleanView) -> tuple[Ints, Ints]:
    """Return sampled time and instants by phase and by what was done, each of shape (phases, doings)."""
    samples = view.timeline.samples
    weight = np.zeros((PHASES, len(Doing)), dtype=np.int64)
    count = np.zeros((PHASES, len(Doing)), dtype=np.int64)
    place = (np.clip(samples.phase[view.stretch], 0, PHASES - 1), view.doing)
    np.add.at(weight, place, view.stretch_ns)
    np.add.at(count, place, samples.count[view.stretch])
    return weight, count
