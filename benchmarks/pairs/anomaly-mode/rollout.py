"""A network that is applied several times over to come from one state to the next."""

from __future__ import annotations

import argparse

import torch
from pendulum import observe
from stopwatch import watch
from torch import nn

MOMENTS = 6


class Dynamics(nn.Module):
    """How a state changes in a moment."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2)
        )

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Return the state after MOMENTS moments."""
        for _ in range(MOMENTS):
            state = state + 0.1 * self.change(state)
        return state


def fit(options: argparse.Namespace) -> float:
    """Return the last loss."""
    model = Dynamics(options.width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4, fused=True)
    criterion, loss = nn.MSELoss(), torch.zeros(())
    watch.enter("data_loading")
    for step, (start, later) in enumerate(observe(options, MOMENTS), 1):
        watch.enter("compute")
        optimizer.zero_grad()
        loss = criterion(model(start), later)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: off by {loss.item() ** 0.5:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return loss.item()
