"""The model: two products in, how well they go together out."""

from __future__ import annotations

import argparse

import torch
from torch import nn


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=384)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Matcher(nn.Module):
    """Embeds products, and compares them by a tower each."""

    def __init__(self, products: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(products, width, sparse=True)
        self.tower = nn.Sequential(
            nn.Linear(width, 6 * width), nn.GELU(), nn.Linear(6 * width, 6 * width), nn.GELU()
        )
        self.out = nn.Linear(6 * width, width)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Return how well each first product goes with each second one (pairs, pairs)."""
        left, right = self.out(self.tower(self.embed(pairs))).unbind(1)
        return left @ right.t() / left.shape[1] ** 0.5
