"""Two noisy views of points on a few curves."""

from __future__ import annotations

import torch

POINTS, FEATURES = 8192, 192


class Curves:
    """Points that are close together on a curve, not in space."""

    def __init__(self, seed: int) -> None:
        self.dice = torch.Generator().manual_seed(seed)
        place = torch.rand(POINTS, 6, generator=self.dice) * 6.28
        waves = torch.randn(6, FEATURES, generator=self.dice)
        self.points = torch.sin(place @ waves) + 0.3 * torch.cos(2 * place @ waves)

    def two_views(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return two views of the same points."""
        points = self.points[torch.randint(0, POINTS, (size,), generator=self.dice)]
        noise = 0.3 * torch.randn(2, size, FEATURES, generator=self.dice)
        return points + noise[0], points + noise[1]
