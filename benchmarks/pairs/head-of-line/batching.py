"""Put recordings into batches by the part of the catalogue that they are in."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from archive import Archive
from torch.utils.data import Sampler

BATCHES_A_PASS, SIZE = 25, 9


class ByLength(Sampler[list[int]]):
    """Batches of recordings of like length: two of short ones, one of long ones, and so on in each pass."""

    def __init__(self, archive: Archive, seed: int) -> None:
        self.notes, self.total = archive.notes, archive.notes + archive.watches
        self.draw = torch.Generator().manual_seed(seed)

    def pick(self, low: int, high: int, count: int) -> list[int]:
        """Return recordings at random."""
        return [*torch.randint(low, high, (count,), generator=self.draw).tolist()]

    def one_pass(self) -> Iterator[list[int]]:
        """Yield the batches of one pass."""
        for number in range(BATCHES_A_PASS):
            part = (0, self.notes) if number % 3 else (self.notes, self.total)
            yield self.pick(*part, SIZE)

    def __iter__(self) -> Iterator[list[int]]:
        while True:
            yield from self.one_pass()
