"""Find the stretches of one thread that overlap a span, quickly: a run has many waits and many stretches."""

from __future__ import annotations

import numpy as np

from throughput.model.timeline import Ints, Samples


class StretchIndex:
    """The stretches of each track, sorted by time; those of one track don't overlap."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._tracks: dict[int, tuple[Ints, Ints, Ints]] = {}

    def overlapping(self, track: int, start: int, end: int) -> tuple[Ints, Ints]:
        """Return (stretch numbers, ns of each within the span)."""
        order, starts, ends = self._of(track)
        first = int(np.searchsorted(ends, start, side="right"))
        last = int(np.searchsorted(starts, end, side="left"))
        chosen = order[first:last]
        return chosen, np.minimum(ends[first:last], end) - np.maximum(starts[first:last], start)

    def _of(self, track: int) -> tuple[Ints, Ints, Ints]:
        known = self._tracks.get(track)
        if known is None:
            mine = np.flatnonzero(self._samples.track == track)
            order = mine[np.argsort(self._samples.start_ns[mine], kind="stable")]
            # Ends never fall, so that both columns can be searched whatever a damaged file holds.
            ends = np.maximum.accumulate(self._samples.end_ns[order]) if len(order) else order
            known = self._tracks[track] = (order, self._samples.start_ns[order], ends)
        return known
