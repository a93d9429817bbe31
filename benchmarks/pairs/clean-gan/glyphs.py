"""Drawn glyphs: a few soft strokes on a square, made once and served batch by batch."""

from __future__ import annotations

import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

SIDE, STROKES = 32, 3


def draw(count: int, seed: int) -> torch.Tensor:
    """Return glyphs of values in -1..1: each stroke is a blurred arc with its own centre and radius."""
    rng = torch.Generator().manual_seed(seed)
    axis = torch.linspace(-1, 1, SIDE)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    centre = torch.rand(count, STROKES, 2, 1, 1, generator=rng) - 0.5
    radius = 0.2 + 0.5 * torch.rand(count, STROKES, 1, 1, generator=rng)
    distance = torch.hypot(x - centre[:, :, 0], y - centre[:, :, 1])
    ink = torch.exp(-(((distance - radius) / 0.08) ** 2)).amax(1, keepdim=True)
    return 2 * ink - 1


def load(glyphs: torch.Tensor, batch: int, steps: int, workers: int) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Return a loader of as many batches as steps, each taken by one index."""
    data = TensorDataset(glyphs)
    order = RandomSampler(data, replacement=True, num_samples=batch * steps)
    whole = BatchSampler(order, batch, drop_last=True)
    return DataLoader(data, sampler=whole, batch_size=None, num_workers=workers)
