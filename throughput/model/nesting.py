"""Say which span of a thread encloses which, and which is innermost when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughput.model.timeline import Ints

LOOKED_BACK = 64
"""Spans before one that overlaps others without being enclosed: clocks of two sources differ by microseconds,
so the one that encloses it is near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nesting:
    """Spans of one thread as they began, outer ones first; a parent is a position, -1 for none."""

    start_ns: Ints
    end_ns: Ints
    parent: Ints
    depth: Ints

    def climb(self, positions: Ints, wanted: npt.NDArray[np.bool_]) -> Ints:
        """Return of each position the innermost wanted span that is or encloses it; -1 where none does."""
        found: Ints = positions.copy()
        while True:
            going = found >= 0
            going[going] = ~wanted[found[going]]
            if not going.any():
                return found
            found[going] = self.parent[found[going]]

    def innermost(self, times: Ints) -> Ints:
        """Return the innermost span at each time; -1 where there is none."""
        if not len(self.start_ns):
            return np.full(len(times), -1, dtype=np.int64)
        found = np.searchsorted(self.start_ns, times, side="right").astype(np.int64) - 1
        while True:
            over = found >= 0
            over[over] = self.end_ns[found[over]] <= times[over]
            if not over.any():
                return found
            found[over] = self.parent[found[over]]

    def stretches(self) -> tuple[Ints, Ints, Ints]:
        """Return start, end and innermost span of the stretches between all begins and ends; -1 for none."""
        number = len(self.start_ns)
        times = np.concatenate([self.end_ns, self.start_ns])
        inner = np.concatenate([self.parent, np.arange(number)])
        # Of one instant: ends before begins, inner ends first, outer begins first.
        order = np.lexsort(
            (np.concatenate([-self.depth, self.depth]), np.repeat(np.array([0, 1]), number), times)
        )
        times, inner = times[order], inner[order]
        some = times[1:] > times[:-1]
        return times[:-1][some], times[1:][some], inner[:-1][some]


def nesting_of(start_ns: Ints, end_ns: Ints) -> Nesting:
    """Return how spans are nested, given in the order in which they began, longer ones first."""
    number = len(start_ns)
    end = np.maximum(end_ns, start_ns + 1)  # a span of no length encloses nothing
    depth = np.arange(number) - np.searchsorted(np.sort(end), start_ns, side="right")
    parent = np.full(number, -1, dtype=np.int64)
    order = np.argsort(depth, kind="stable")
    edges = np.searchsorted(depth[order], np.arange(int(depth.max(initial=-1)) + 2))
    for level in range(1, len(edges) - 1):
        here, above = order[edges[level] : edges[level + 1]], order[edges[level - 1] : edges[level]]
        if len(here) and len(above):
            place = np.searchsorted(above, here) - 1
            parent[here] = np.where(place >= 0, above[np.maximum(place, 0)], -1)
    wrong = (depth > 0) & ((parent < 0) | (end[parent] <= start_ns))
    for one in np.flatnonzero(wrong).tolist():
        first = max(0, one - LOOKED_BACK)
        around = np.flatnonzero(end[first:one] > start_ns[one])
        parent[one] = first + int(around[-1]) if len(around) else -1
    return Nesting(start_ns=start_ns, end_ns=end, parent=parent, depth=depth)
