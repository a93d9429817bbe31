"""Baskets of things that are bought together, and the model that completes them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from torch import nn

THINGS, BASKETS, KINDS = 1200, 1500, 20


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class BasketModel(nn.Sequential):
    """An autoencoder."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Linear(THINGS, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, THINGS),
        )


def draw_baskets(options: argparse.Namespace) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield baskets with a few things left out, and whole ones."""
    draw = torch.Generator().manual_seed(options.seed)
    taste = torch.rand(KINDS, THINGS, generator=draw) ** 6
    kind = torch.randint(0, KINDS, (BASKETS,), generator=draw)
    whole = (torch.rand(BASKETS, THINGS, generator=draw) < taste[kind]).float()
    seen = whole * (torch.rand(BASKETS, THINGS, generator=draw) < 0.8)
    for _ in range(options.steps):
        chosen = torch.randint(0, BASKETS, (options.batch_size,), generator=draw)
        yield seen[chosen], whole[chosen]
