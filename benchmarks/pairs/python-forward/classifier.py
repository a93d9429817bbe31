"""A network over mel bands: front end, convolutions over time, one score a species."""

from __future__ import annotations

import torch
from torch import nn

BANDS, SPECIES = 40, 12


class CallClassifier(nn.Module):
    """Scores each species for a clip."""

    def __init__(self, front: nn.Module, width: int) -> None:
        super().__init__()
        self.front = front
        self.early = nn.Conv1d(BANDS, width, kernel_size=9, stride=4)
        self.late = nn.Conv1d(width, width, kernel_size=5, stride=2)
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, SPECIES))

    def forward(self, energy: torch.Tensor) -> torch.Tensor:
        """Return scores from energies (clips, frames, bands)."""
        levelled = self.front(energy).transpose(1, 2)
        hidden = torch.relu(self.late(torch.relu(self.early(levelled))))
        scores: torch.Tensor = self.head(hidden.mean(2))
        return scores
