"""Points in a channel with a cylinder in it, and how the flow goes there: closed formulas with noise."""

from __future__ import annotations

import torch

RADIUS = 0.25


class Channel:
    """Draws points, and gives velocity and pressure at each as potential flow has them."""

    def __init__(self, points: int, seed: int) -> None:
        self.points = points
        self.draw = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Channel:
        return self

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        place = torch.rand(self.points, 2, generator=self.draw) * 2 - 1
        speed = torch.rand(self.points, 1, generator=self.draw) + 0.5
        square = place.square().sum(1, keepdim=True).clamp(min=RADIUS**2)
        x, y = place[:, :1], place[:, 1:]
        u = speed * (1 - RADIUS**2 * (x.square() - y.square()) / square.square())
        v = -speed * 2 * RADIUS**2 * x * y / square.square()
        pressure = (speed.square() - u.square() - v.square()) / 2
        noise = 0.02 * torch.randn(self.points, 3, generator=self.draw)
        return torch.cat((place, speed), 1), torch.cat((u, v, pressure), 1) + noise
