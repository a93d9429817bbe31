"""Sum overlaps of time spans, and resample steps in blocks for intervals of shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from throughput.model.timeline import Ints

RESAMPLES = 400
"""Enough for the 2.5 and 97.5 % points to within a tenth of the interval's width."""
CELLS_MAX = 4_000_000
"""Of resampled step numbers: bounds memory for very many steps."""
SEED = 20_241
"""Private and fixed: the same run gives the same report."""

Floats = npt.NDArray[np.float64]


class Coverage:
    """How much of any span is covered by a set of spans, which may overlap."""

    def __init__(self, start: Ints, end: Ints) -> None:
        some = end > start
        start, end = start[some], end[some]
        if np.any(start[1:] < start[:-1]):
            order = np.argsort(start, kind="stable")
            start, end = start[order], end[order]
        if len(start):
            reach = np.maximum.accumulate(end)
            first = np.concatenate([[True], start[1:] > reach[:-1]])
            end = reach[np.append(np.flatnonzero(first)[1:] - 1, len(start) - 1)]
            start = start[first]
        self.start, self.end = start, end
        self._before = np.concatenate([[0], np.cumsum(end - start)])

    def up_to(self, times: Ints) -> Ints:
        """Return the covered time before each of `times`."""
        if not len(self.start):
            return np.zeros(len(times), dtype=np.int64)
        place = np.searchsorted(self.start, times, side="right") - 1
        inside = np.maximum(place, 0)
        partial = np.minimum(times, self.end[inside]) - self.start[inside]
        covered: Ints = np.where(place >= 0, self._before[inside] + np.maximum(partial, 0), 0)
        return covered

    def within(self, start: Ints, end: Ints) -> Ints:
        """Return the covered time within each span."""
        covered: Ints = np.maximum(self.up_to(end) - self.up_to(start), 0)
        return covered

    def common(self, other: Coverage) -> Coverage:
        """Return what both cover."""
        first = np.searchsorted(self.end, other.start, side="right")
        last = np.searchsorted(self.start, other.end, side="left")
        counts = np.maximum(last - first, 0)
        owner = np.repeat(np.arange(len(other.start)), counts)
        part = first[owner] + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return Coverage(
            np.maximum(self.start[part], other.start[owner]), np.minimum(self.end[part], other.end[owner])
        )

    def without(self, other: Coverage) -> Coverage:
        """Return what this covers and the other does not."""
        limits = np.iinfo(np.int64)
        start = np.concatenate([[limits.min], other.end])
        return self.common(Coverage(start, np.concatenate([other.start, [limits.max]])))


def together(covers: Sequence[Coverage]) -> Coverage:
    """Return what any of them covers."""
    none = np.zeros(0, dtype=np.int64)
    return Coverage(
        np.concatenate([none, *(c.start for c in covers)]), np.concatenate([none, *(c.end for c in covers)])
    )


def span_of(times: Ints, start: Ints, end: Ints) -> Ints:
    """Return the index of the span (sorted, disjoint) that holds each time; -1 where none does."""
    if not len(start):
        return np.full(len(times), -1, dtype=np.int64)
    place = np.searchsorted(start, times, side="right") - 1
    inside = (place >= 0) & (times < end[np.maximum(place, 0)])
    return np.where(inside, place, -1)


def resample(steps: int, block: int) -> Ints:
    """Return step numbers of circular block resamples, shape (resamples, steps)."""
    rng = np.random.default_rng(SEED)
    rounds = max(50, min(RESAMPLES, CELLS_MAX // max(steps, 1)))
    block = max(1, min(block, steps))
    blocks = -(-steps // block)
    begins = rng.integers(0, steps, size=(rounds, blocks))
    numbers = (begins[:, :, None] + np.arange(block)[None, None, :]).reshape(rounds, -1) % steps
    return numbers[:, :steps]


def ratio_interval(parts: Floats, whole: Floats, block: int) -> tuple[Floats, Floats]:
    """Return the 95 % interval of sum(parts) / sum(whole) for each column of `parts` (steps, columns)."""
    numbers = resample(len(whole), block)
    total = whole[numbers].sum(axis=1)
    shares = np.stack([parts[:, c][numbers].sum(axis=1) / total for c in range(parts.shape[1])], axis=1)
    return np.quantile(shares, 0.025, axis=0), np.quantile(shares, 0.975, axis=0)
