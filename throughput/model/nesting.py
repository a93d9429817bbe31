"""Say which span of a thread encloses which, and which is innermost when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from throughput.model.timeline import Ints, Small

LOOKED_BACK = 64
"""Spans before one that overlaps others without being enclosed: clocks of two sources differ by microseconds,
so the one that encloses it is near."""
SHALLOW = 32_000
"""Depths below it fit 16 bits, which numpy sorts in one pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nesting:
    """Spans of one thread as they began, outer ones first; a parent is a position, -1 for none."""

    start_ns: Ints
    end_ns: Ints
    parent: Small
    depth: Small

    def climb(self, positions: Ints, wanted: npt.NDArray[np.bool_]) -> Ints:
        """Return of each position the innermost wanted span that is or encloses it; -1 where none does."""
        found: Ints = positions.astype(np.int64)
        going = np.flatnonzero(found >= 0)
        while len(going):
            going = going[~wanted[found[going]]]
            found[going] = self.parent[found[going]]
            going = going[found[going] >= 0]
        return found

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

    def levels(self) -> Iterator[Ints]:
        """Yield the positions of each depth in their order, outermost first."""
        yield from _levels(self.depth)

    def stretches(self) -> tuple[Ints, Ints, Small]:
        """Return start, end and innermost span of the stretches between all begins and ends; -1 for none.

        One begins where the one before it ends.
        """
        number = len(self.start_ns)
        # Of one instant: ends before begins, inner ends first (they began last), outer begins first. So many
        # ends lie before a begin as spans before it have ended: its position among both follows.
        begins = 2 * np.arange(number) - self.depth
        is_end = np.ones(2 * number, dtype=bool)
        is_end[begins] = False
        by_end = number - 1 - np.argsort(self.end_ns[::-1], kind="stable")
        times = np.empty(2 * number, dtype=np.int64)
        times[begins] = self.start_ns
        times[is_end] = self.end_ns[by_end]
        inner = np.empty(2 * number, dtype=np.int32)
        inner[begins] = np.arange(number, dtype=np.int32)
        inner[is_end] = self.parent[by_end]
        some = np.flatnonzero(times[1:] > times[:-1])
        edges = np.append(times[some], times[-1:])
        return edges[:-1], edges[1:], inner[some]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSpans:
    """One thread's spans within the steps, as rows of a trace's host, and how they are nested."""

    rows: Ints
    nesting: Nesting


def nesting_of(start_ns: Ints, end_ns: Ints) -> Nesting:
    """Return how spans are nested, given in the order in which they began, longer ones first."""
    number = len(start_ns)
    end = np.maximum(end_ns, start_ns + 1)  # a span of no length encloses nothing
    depth = (np.arange(number) - np.searchsorted(np.sort(end), start_ns, side="right")).astype(np.int32)
    parent = np.full(number, -1, dtype=np.int32)
    for above, here in pairwise(_levels(depth)):
        if len(here) and len(above):
            place = np.searchsorted(above, here) - 1
            parent[here] = np.where(place >= 0, above[np.maximum(place, 0)], -1)
    wrong = np.flatnonzero((depth > 0) & ((parent < 0) | (end[parent] <= start_ns)))
    parent[wrong] = _looked_back(start_ns, end, wrong)
    return Nesting(start_ns=start_ns, end_ns=end, parent=parent, depth=depth)


def _levels(depth: Small) -> Iterator[Ints]:
    """Yield the positions of each depth in their order."""
    deepest = int(depth.max(initial=-1))
    keys = depth.astype(np.int16) if deepest < SHALLOW else depth
    order = np.argsort(keys, kind="stable")
    edges = np.append(0, np.cumsum(np.bincount(depth, minlength=deepest + 1)))
    for begin, end in pairwise(edges.tolist()):
        yield order[begin:end]


def _looked_back(start: Ints, end: Ints, which: Ints) -> Ints:
    """Return of each span the nearest one before it that still runs when it begins; -1 for none near."""
    found = np.full(len(which), -1, dtype=np.int64)
    left = np.arange(len(which))
    for back in range(1, LOOKED_BACK + 1):
        before = which[left] - back
        left, before = left[before >= 0], before[before >= 0]
        if not len(left):
            break
        runs = end[before] > start[which[left]]
        found[left[runs]] = before[runs]
        left = left[~runs]
    return found
