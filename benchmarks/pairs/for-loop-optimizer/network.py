"""A network for tables: each column is a token with vectors of its own."""

from __future__ import annotations

import torch
from loans import COLUMNS
from torch import nn

TOKEN = 16


def vectors(size: float) -> nn.ParameterList:
    """Return a small random vector for each column."""
    return nn.ParameterList([nn.Parameter(size * torch.randn(TOKEN)) for _ in range(COLUMNS)])


class RiskNetwork(nn.Module):
    """Scores loans by their columns."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.slopes, self.offsets = vectors(0.5), vectors(0.1)
        self.mix = nn.Sequential(nn.Linear(COLUMNS * TOKEN, width), nn.LayerNorm(width), nn.GELU())
        self.body = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.score = nn.Linear(width, 1)

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """Return one score a loan."""
        tokens = torch.addcmul(
            torch.stack(list(self.offsets)), columns[:, :, None], torch.stack(list(self.slopes))
        )
        hidden = self.mix(tokens.flatten(1))
        scores: torch.Tensor = self.score(hidden + self.body(hidden))
        return scores.squeeze(1)
