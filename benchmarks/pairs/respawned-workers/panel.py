"""A panel of households' hourly load, of which each round of training sees another draw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

HISTORY, AHEAD = 336, 24


class LoadPanel(Dataset[np.ndarray]):
    """Windows of history with the day that follows, a batch of households at a time."""

    def __init__(self, households: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        hours = torch.arange(HISTORY + AHEAD) / 24 * 2 * torch.pi
        phase = torch.rand(households, 1, generator=draw) * 2 * torch.pi
        weekly = torch.rand(households, 1, generator=draw) * torch.sin(hours / 7 + phase)
        noise = torch.randn(households, len(hours), generator=draw) * 0.4
        self.load = (torch.sin(hours + phase) + weekly + noise).numpy()

    def __len__(self) -> int:
        return len(self.load)

    def __getitems__(self, rows: list[int]) -> np.ndarray:
        windows: np.ndarray = self.load[rows]
        return windows


class RoundSampler(Sampler[list[int]]):
    """Draws a fresh set of households for each round."""

    def __init__(self, households: int, shape: tuple[int, int], seed: int) -> None:
        self.households, self.shape = households, shape
        self.draw = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[list[int]]:
        rows = torch.randint(0, self.households, self.shape, generator=self.draw)
        return iter(rows.tolist())
