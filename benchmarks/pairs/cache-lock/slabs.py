"""Slabs as training takes them: fetched from the depot, kept for a while, counted."""

from __future__ import annotations

import threading
import zlib
from collections import Counter, OrderedDict

import lockwaits
from depot import Depot

ROOM = 6
"""Slabs that are kept."""


class SlabCache:
    """The last few slabs, by number, shared by all threads that make batches."""

    def __init__(self, depot: Depot) -> None:
        self.depot = depot
        self.lock = threading.Lock()
        lockwaits.note_waits(self, "lock")
        self.kept: OrderedDict[int, bytes] = OrderedDict()
        self.used: Counter[int] = Counter()

    def get(self, number: int) -> bytes:
        """Return a slab's bytes."""
        with self.lock:
            found = self.kept.get(number)
            if found is None:
                self.depot.links[0].send(number)
                found = zlib.decompress(self.depot.links[0].recv_bytes())  # PLANTED
                self.keep(number, found)
            return found

    def keep(self, number: int, slab: bytes) -> None:
        """Keep a slab in the place of the oldest."""
        self.kept[number] = slab
        while len(self.kept) > ROOM:
            self.kept.popitem(last=False)

    def count(self, number: int) -> None:
        """Count that a slab was made into a batch."""
        with self.lock:
            self.used[number] += 1
