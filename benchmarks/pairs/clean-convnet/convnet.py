"""A small convolutional network with residual blocks."""

from __future__ import annotations

import torch
from torch import nn


def conv(inside: int, outside: int, stride: int = 1) -> nn.Conv2d:
    """Return a 3 x 3 convolution whose bias is left to the normalisation behind it."""
    return nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)


class Residual(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(width, width), nn.BatchNorm2d(width), nn.ReLU(), conv(width, width), nn.BatchNorm2d(width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input with what the block adds to it."""
        return torch.relu(x + self.body(x))


def build(bands: int, uses: int) -> nn.Module:
    """Return a network that names the land use of a tile."""
    return nn.Sequential(
        conv(bands, 20, stride=2),
        nn.BatchNorm2d(20),
        nn.ReLU(),
        Residual(20),
        conv(20, 48, stride=2),
        nn.BatchNorm2d(48),
        nn.ReLU(),
        Residual(48),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(48, uses),
    )
