"""Tiles as a data set, and the order in which training sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from bundle import LABELS, STRIPS, TILES, name_of, read_member, to_tiles
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

Sample = tuple[torch.Tensor, int]


class TileSet(Dataset[Sample]):
    """All tiles of a bundle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.labels = torch.tensor(json.loads(read_member(path, LABELS)))

    def __len__(self) -> int:
        return STRIPS * TILES

    def __getitem__(self, index: int) -> Sample:
        strip, place = divmod(index, TILES)
        return torch.from_numpy(self.strip(strip)[place].copy()), int(self.labels[strip, place])

    def strip(self, number: int) -> np.ndarray:
        """Return one strip's tiles."""
        return to_tiles(read_member(self.path, name_of(number)))


class StripSampler:
    """Batches of whole strips in random order: neighbours are read together."""

    def __init__(self, batches: int, strips: int, seed: int) -> None:
        self.draws = torch.Generator().manual_seed(seed)
        self.batches, self.strips = batches, strips

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        for _ in range(self.batches):
            chosen = torch.randperm(STRIPS, generator=self.draws)[: self.strips, None]
            yield (chosen * TILES + torch.arange(TILES)).flatten().tolist()
