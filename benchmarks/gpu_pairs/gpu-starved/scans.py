"""Scans as a data set: each is stretched to its own range of brightness when it is read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

SIDE = 192

Pixels = npt.NDArray[np.uint8]


def stretch(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return pixels with the darkest and the brightest percent clipped, from 0 to 1."""
    low, high = np.percentile(pixels, (1, 99))  # PLANTED
    return ((pixels - low) / max(high - low, 1.0)).clip(0.0, 1.0).astype(np.float32)


class Scans(Dataset[tuple[torch.Tensor, int]]):
    """Scans of three channels with the kind of tissue that they show."""

    def __init__(self, count: int, seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.scans = draw.integers(0, 256, (64, 3, SIDE, SIDE), dtype=np.uint8)
        self.kinds = draw.integers(0, 10, count)

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(stretch(self.scans[index % 64])), int(self.kinds[index])
