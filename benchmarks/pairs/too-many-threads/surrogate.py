"""A network that stands for a flow solver, and what trains it."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from flow import Channel
from presets import Preset, use
from stopwatch import watch
from torch import nn

POINTS, WIDE, DEEP = 1100, 64, 5


class Gate(nn.Module):
    """Adds what a layer says, by a gain for each feature."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(WIDE), nn.Linear(WIDE, WIDE)
        self.gain = nn.Parameter(torch.full((WIDE,), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features with more in them."""
        return x + self.gain * nn.functional.silu(self.mix(self.norm(x)))


class Solver:
    """Model, optimizer, and one training step."""

    def __init__(self) -> None:
        gates = [Gate() for _ in range(DEEP)]
        self.model = nn.Sequential(nn.Linear(3, WIDE), *gates, nn.LayerNorm(WIDE), nn.Linear(WIDE, 3))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)

    def step(self, where: torch.Tensor, flow: torch.Tensor) -> float:
        """Take one optimizer step; return the loss before it."""
        loss: Any = nn.functional.mse_loss(self.model(where), flow)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


def solve(preset: Preset) -> None:
    """Train under a preset, and print the final loss."""
    parser = argparse.ArgumentParser(description="Learn the flow around a cylinder")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="accepted; points are drawn as needed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    use(preset)
    torch.manual_seed(options.seed)
    channel, solver, loss = Channel(POINTS, options.seed), Solver(), 0.0
    watch.enter("data_loading")
    for step, (where, flow) in zip(range(1, options.steps + 1), channel, strict=False):
        watch.enter("compute")
        loss = solver.step(where, flow)
        watch.enter("logging_checkpoint")
        if step % 50 == 0:
            print(f"{step:4d} {loss:.5f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    print(f"final loss {loss:.4f}")
