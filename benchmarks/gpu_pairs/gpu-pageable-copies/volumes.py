"""Volumes as a data set: large samples, and nothing to compute for them."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset

SHAPE = (1, 64, 128, 128)


class Volumes(Dataset[tuple[torch.Tensor, int]]):
    """Volumes of float32 with their class."""

    def __init__(self, count: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.volumes = torch.randn(48, *SHAPE, generator=draw)
        self.classes = torch.randint(0, 4, (count,), generator=draw)

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.volumes[index % 48], int(self.classes[index])
