"""Recorded heartbeats of several leads, with the rhythm that a cardiologist noted for each."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler
from wander import level

LEADS, SAMPLES, RHYTHMS = 8, 96, 5


def record(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return beats on a slowly moving baseline, and their rhythms; one note in five is wrong."""
    rng = np.random.default_rng(seed)
    rhythms = rng.integers(0, RHYTHMS, count)
    time = np.linspace(0, 1, SAMPLES, dtype=np.float32)
    peak = np.exp(-(((time - 0.3 - 0.1 * rhythms[:, None]) / 0.04) ** 2))
    drift = np.sin(2 * np.pi * (time + rng.random((count, LEADS, 1)))) * rng.uniform(0, 3, (count, LEADS, 1))
    beats = peak[:, None] + drift + rng.normal(0, 0.4, (count, LEADS, SAMPLES))
    noted = np.where(rng.random(count) < 0.2, rng.integers(0, RHYTHMS, count), rhythms)
    return beats.astype(np.float32), noted


class Heartbeats(Dataset[tuple[torch.Tensor, int]]):
    """Beats by number, levelled."""

    def __init__(self, count: int, seed: int) -> None:
        self.raw, self.rhythms = record(count, seed)

    def __len__(self) -> int:
        return len(self.rhythms)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(level(self.raw[number])), int(self.rhythms[number])


def serve(
    data: Heartbeats, options: argparse.Namespace, collate: Callable[[Any], Any] | None = None
) -> DataLoader[Any]:
    """Return a loader of one batch a step."""
    draws = RandomSampler(data, replacement=True, num_samples=options.steps * options.batch_size)
    return DataLoader(
        data, options.batch_size, sampler=draws, num_workers=options.workers, collate_fn=collate
    )
