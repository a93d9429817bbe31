"""Many carts with a pole on each, balanced at once: one step of all is a few tensor operations."""

from __future__ import annotations

import math

import torch

GRAVITY, FORCE, DT = 9.8, 10.0, 0.02
CART, POLE, HALF = 1.0, 0.1, 0.5
FAR, TILTED = 2.4, 12 * math.pi / 180
LONGEST = 300


class Poles:
    """The state of each cart: position, speed, angle of the pole, its speed."""

    def __init__(self, count: int, seed: int) -> None:
        self.draw = torch.Generator().manual_seed(seed)
        self.state = self.start(count)
        self.age = torch.zeros(count, dtype=torch.long)

    def start(self, count: int) -> torch.Tensor:
        """Return states near the balance."""
        return 0.1 * torch.rand(count, 4, generator=self.draw) - 0.05

    def step(self, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Push each cart; return the new states, the rewards, and whose episode ended."""
        _, speed, angle, turning = self.state.unbind(1)
        force = (2 * right - 1) * FORCE
        sine, cosine = angle.sin(), angle.cos()
        swing = (force + POLE * HALF * turning**2 * sine) / (CART + POLE)
        torque = GRAVITY * sine - cosine * swing
        turn = torque / (HALF * (4 / 3 - POLE * cosine**2 / (CART + POLE)))
        push = swing - POLE * HALF * turn * cosine / (CART + POLE)
        change = torch.stack((speed, push, turning, turn), dim=1)
        moved = self.state + DT * change
        self.age += 1
        fell = (moved[:, 0].abs() > FAR) | (moved[:, 2].abs() > TILTED)
        ended = fell | (self.age >= LONGEST)
        self.state = torch.where(ended.unsqueeze(1), self.start(len(moved)), moved)
        self.age.masked_fill_(ended, 0)
        return self.state, 1.0 - fell.float(), ended
