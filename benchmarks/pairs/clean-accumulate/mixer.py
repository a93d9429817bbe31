"""A residual perceptron."""

from __future__ import annotations

import torch
from torch import nn


class Mix(nn.Module):
    """Normalise, widen, narrow, and add."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 3 * width)
        self.narrow = nn.Linear(3 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input with what the block adds."""
        added: torch.Tensor = self.narrow(nn.functional.silu(self.widen(self.norm(x))))
        return x + added


def build(features: int, hours: int, width: int = 192, depth: int = 3) -> nn.Sequential:
    """Return a network from features to the demand of each hour."""
    blocks = [Mix(width) for _ in range(depth)]
    return nn.Sequential(nn.Linear(features, width), *blocks, nn.LayerNorm(width), nn.Linear(width, hours))
