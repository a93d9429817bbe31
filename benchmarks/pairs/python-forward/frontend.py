"""Level out the loudness of mel bands: near and far birds, wind and rain."""

from __future__ import annotations

import torch
from torch import nn

FLOOR = 1e-3


class LoudnessNorm(nn.Module):
    """Energy of each band over its own recent level, compressed."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def smooth(self, energy: torch.Tensor) -> torch.Tensor:
        """Return the level of each band at each frame (clips, frames, bands)."""
        level = torch.zeros_like(energy[:, 0])
        levels = []
        for frame in energy.unbind(1):
            level = (1 - self.rate) * level + self.rate * frame  # PLANTED
            levels.append(level)
        return torch.stack(levels, 1)

    def forward(self, energy: torch.Tensor) -> torch.Tensor:
        """Return the levelled energies."""
        return torch.log1p(energy / (self.smooth(energy) + FLOOR))
