"""A forecaster of tomorrow's load, trained in rounds; after each the step size is looked at again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import torch
from panel import AHEAD, HISTORY
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

PER_ROUND, BATCH = 6, 64
"""Batches of a round, and households of a batch."""


def parse() -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description="Forecast households' load")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Forecaster:
    """Holds what is trained, and trains it round by round."""

    def __init__(self, loader: DataLoader[Any], steps: int) -> None:
        self.loader = loader
        self.left = steps
        self.network = nn.Sequential(
            nn.Linear(HISTORY, 960), nn.SiLU(), nn.Linear(960, 960), nn.SiLU(), nn.Linear(960, AHEAD)
        )
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.05, momentum=0.9, nesterov=True)
        self.plan = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, patience=20)
        self.error = nn.SmoothL1Loss()

    def update(self, windows: torch.Tensor) -> Any:
        """Return the error on a batch after one step."""
        self.optimizer.zero_grad()
        error = self.error(self.network(windows[:, :HISTORY]), windows[:, HISTORY:])
        error.backward()
        self.optimizer.step()
        return error.detach()

    def round(self) -> torch.Tensor:
        """Return the errors of one pass over the loader, or of what is left to train."""
        errors = []
        watch.enter("data_loading")
        for windows in self.loader:  # PLANTED
            watch.enter("compute")
            errors.append(self.update(torch.from_numpy(windows)))
            self.left -= 1
            watch.step()
            if not self.left:
                break
            watch.enter("data_loading")
        watch.enter("host_work")
        return torch.stack(errors)

    def fit(self) -> float:
        """Return the last error, once all steps are done."""
        rounds = 0
        while self.left:
            errors = self.round()
            self.plan.step(float(errors.mean()))
            rounds += 1
            if rounds % 10 == 0:
                print(f"round {rounds}: error {errors.mean():.4f}", flush=True)
        return float(errors[-1])
