"""Note the samples that took longest to fetch, by data-set index, in whichever process fetches them.

A batch's indices are handed to the fetcher as a list that reads the clock whenever the next one is taken:
nothing of the data set is patched, and nothing of ours is on its stack. Only a sample slower than the slowest
ones so far becomes a row, so rows grow with the logarithm of the samples; the window begins with none.
"""

from __future__ import annotations

import heapq
import operator
import time

from .live import page
from .recorder import SLOW_SAMPLE, recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

KEPT = 10
"""The report shows as many; each process keeps so many, so that the slowest of all are among them."""
WORTH_NS = 20_000
"""Timing a sample costs 0.2 us: where samples are quicker than this on average, 1 % of fetching, it stops."""
LARGEST_INDEX = 1 << 62
"""A row holds no larger one."""


class SlowSamples:
    """The slowest samples of this process since the window began."""

    def __init__(self) -> None:
        self.loader = -1
        self.window = 0
        self.slowest: list[int] = []
        self.fetched = 0
        self.fetch_ns = 0

    def is_worth_it(self) -> bool:
        """Return whether samples take long enough to be timed; True before any was."""
        return self.fetch_ns >= WORTH_NS * self.fetched

    def count(self, samples: int, took_ns: int) -> None:
        """Add a batch, timed or not, to what decides whether timing is worth it."""
        self.fetched += samples
        self.fetch_ns += took_ns

    def of(self, indices: list[Any]) -> list[Any]:
        """Return a batch's indices as a list that times its samples; unchanged where it isn't worth it."""
        if not self.is_worth_it():
            return indices
        window = page.get("window_start_ns")
        if window != self.window:  # what the warm-up fetched is no yardstick: its caches were cold
            self.window, self.slowest = window, []
        return TimedIndices(indices)

    def note(self, index: Any, begun: int, ended: int) -> None:
        """Write a row for a sample that is among the slowest so far."""
        took = ended - begun
        if len(self.slowest) < KEPT:
            heapq.heappush(self.slowest, took)
        elif took > self.slowest[0]:
            heapq.heapreplace(self.slowest, took)
        else:
            return
        try:
            number = operator.index(index)
        except TypeError:  # a key of another kind: there is no column for it
            return
        if -LARGEST_INDEX < number < LARGEST_INDEX:
            recorder.rows.append((SLOW_SAMPLE, 0, begun, ended, number, self.loader, 0, 0))


class TimedIndices(list):  # type: ignore[type-arg]
    """A batch's indices; a sample lasts from taking its index to taking the next one."""

    def __iter__(self) -> Iterator[Any]:
        begun = time.monotonic_ns()
        for index in list.__iter__(self):
            yield index
            ended = time.monotonic_ns()
            samples.note(index, begun, ended)
            begun = ended


samples = SlowSamples()


def are_one_by_one(dataset: Any, collates: bool, iterable: bool) -> bool:
    """Return whether a fetcher takes samples from a data set one at a time, by index."""
    if iterable or not collates:
        return False
    if not getattr(dataset, "__getitems__", None):
        return True
    # torch's own Subset only passes on: to a data set without such a method, one by one.
    inner = getattr(dataset, "dataset", None)
    is_subset = type(dataset).__module__.startswith("torch.utils.data") and inner is not None
    return is_subset and not getattr(inner, "__getitems__", None)


def forget() -> None:
    """Start anew in a forked process."""
    SlowSamples.__init__(samples)
