"""Sketches: small pictures of a stroke or two, made from a seed, and served as whole batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch

SIDE, BATCH, SKETCHES = 24, 128, 4096


def draw(seed: int) -> torch.Tensor:
    """Return sketches as rows of points between 0 and 1."""
    dice = torch.Generator().manual_seed(seed)
    along = torch.linspace(-1, 1, SIDE)
    slope, height, bend = torch.randn(3, SKETCHES, 1, generator=dice)
    stroke = 0.4 * height + 0.5 * slope * along + 0.4 * bend * along.square()
    ink = torch.exp(-40 * (along[None, :, None] - stroke[:, None, :]).square())
    grain = 0.05 * torch.rand(SKETCHES, SIDE, SIDE, generator=dice)
    return (0.9 * ink + grain).flatten(1)


def serve(sketches: torch.Tensor, steps: int, seed: int) -> Iterator[torch.Tensor]:
    """Yield a batch for each step."""
    dice = torch.Generator().manual_seed(seed)
    for chosen in torch.randint(0, len(sketches), (steps, BATCH), generator=dice):
        yield sketches[chosen]
