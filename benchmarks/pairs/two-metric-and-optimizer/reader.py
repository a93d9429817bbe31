"""A reader of handwriting with a small adapter for each writer."""

from __future__ import annotations

import torch
from handwriting import INK, LETTERS, WRITERS
from torch import nn


class Adapters(nn.Module):
    """A gain and an offset for each writer, so that one writer's can be shipped or dropped alone."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = nn.ParameterList(torch.ones(INK) for _ in range(WRITERS))
        self.offsets = nn.ParameterList(torch.zeros(INK) for _ in range(WRITERS))

    def forward(self, ink: torch.Tensor, writers: torch.Tensor) -> torch.Tensor:
        """Return the ink as an average writer would have left it."""
        gain = torch.stack(tuple(self.gains))[writers].unsqueeze(1)
        offset = torch.stack(tuple(self.offsets))[writers].unsqueeze(1)
        return ink * gain + offset


class Reader(nn.Module):
    """Adapts the ink, then reads it with a convolution over neighbours and a perceptron."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.adapt = Adapters()
        self.look = nn.Sequential(nn.Conv1d(INK, width, 3, padding=1), nn.ReLU())
        self.read = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, len(LETTERS)))

    def forward(self, ink: torch.Tensor, writers: torch.Tensor) -> torch.Tensor:
        """Return a score for each letter at each column."""
        seen = self.look(self.adapt(ink, writers).transpose(1, 2))
        scores: torch.Tensor = self.read(seen.transpose(1, 2))
        return scores
