"""Lines of handwriting: one column of ink for each letter, written in somebody's own hand."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

LETTERS = "abcdefghijklmnopqrstuvwxyz '"
WRITERS, LENGTH, INK = 56, 24, 64


class Lines(NamedTuple):
    """Columns of ink, who wrote them, and the letters that they stand for."""

    ink: torch.Tensor
    writers: torch.Tensor
    letters: torch.Tensor


class Archive(Dataset[Lines]):
    """All lines that were transcribed, served in batches."""

    def __init__(self, count: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        shapes = torch.randn(len(LETTERS), INK, generator=draw)
        gain = 1 + 0.4 * torch.randn(WRITERS, INK, generator=draw)
        self.letters = torch.randint(0, len(LETTERS), (count, LENGTH), generator=draw)
        self.writers = torch.randint(0, WRITERS, (count,), generator=draw)
        noise = 2.0 * torch.randn(count, LENGTH, INK, generator=draw)
        self.ink = shapes[self.letters] * gain[self.writers].unsqueeze(1) + noise

    def __len__(self) -> int:
        return len(self.writers)

    def __getitem__(self, rows: list[int]) -> Lines:
        return Lines(self.ink[rows], self.writers[rows], self.letters[rows])


def batches(archive: Archive, size: int, steps: int, workers: int) -> DataLoader[Lines]:
    """Return a loader that takes a batch by one index."""
    order = RandomSampler(archive, replacement=True, num_samples=size * steps)
    return DataLoader(archive, sampler=BatchSampler(order, size, True), batch_size=None, num_workers=workers)
