"""Read phases of the training thread: what each backward waited, what operators ran before it."""

from __future__ import annotations

import numpy as np

from throughput.diagnose import reading
from throughput.model.attribution import Place
from throughput.model.category import Phase
from throughput.model.finding import Facts
from throughput.model.timeline import Ints, Timeline


def blocked_backwards(facts: Facts) -> Ints | None:
    """Return how long each backward was blocked, shape (steps, backwards); None for one an update."""
    segments = facts.timeline.segments
    within = np.isin(segments.phase, (int(Phase.BACKWARD), int(Phase.COLLECTIVE)))
    begins = within & ~np.concatenate([[False], within[:-1]])
    # A collective that is timed within a backward cuts it in parts.
    number = np.cumsum(begins)[within] - 1
    blocked = segments.end_ns - segments.start_ns - segments.cpu_ns - np.maximum(segments.runq_ns, 0)
    total = np.bincount(number, weights=np.maximum(blocked, 0)[within]).astype(np.int64)
    start = segments.start_ns[begins]
    rows = [total[(start >= step.start_ns) & (start < step.end_ns)] for step in reading.clean_steps(facts)]
    count = int(np.median([len(row) for row in rows])) if rows else 0
    rows = [row for row in rows if len(row) == count]
    return np.stack(rows) if count >= 2 else None


def backward_call(facts: Facts) -> Place | None:
    """Return the line that calls backward, where it is known."""
    calls = [place for place in reading.places(facts) if place.name.endswith("backward")]
    return reading.own_place(facts, calls[0]) if calls else None


def forward_operators(timeline: Timeline) -> Ints:
    """Return how long each operator took that neither backward nor an optimizer called, ns."""
    operators, segments = timeline.operators, timeline.segments
    lengths: Ints = operators.end_ns - operators.start_ns
    if not len(segments.start_ns):
        return lengths
    place = np.maximum(np.searchsorted(segments.start_ns, operators.start_ns, side="right") - 1, 0)
    kept: Ints = lengths[segments.phase[place] == int(Phase.REST)]
    return kept
