"""Forecast the next day of a river's level from the week before; shared by both scripts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import torch
from logs import READINGS
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

DAYS = 7
"""Days that the forecast sees; the day after them is forecast."""
GAUGES, RECORDED = 40, 50


def options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description="Forecast river levels")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=80)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Forecaster(nn.Module):
    """Two hidden layers beside the forecast that nothing changes since the last day."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Linear(DAYS * READINGS, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, READINGS),
        )

    def forward(self, week: torch.Tensor) -> torch.Tensor:
        """Return the next day's readings."""
        forecast: torch.Tensor = week[:, -READINGS:] + self.change(week)
        return forecast


def fit(loader: DataLoader[Any], hidden: int) -> float:
    """Train over the loader once; return the last loss."""
    model = Forecaster(hidden)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    criterion, smoothed = nn.HuberLoss(), 0.0
    loss = torch.zeros(())
    watch.enter("data_loading")
    for step, levels in enumerate(loader, 1):
        watch.enter("compute")
        week, day = levels[:, :-READINGS], levels[:, -READINGS:]
        loss = criterion(model(week), day)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.enter("host_work")
        smoothed += 0.05 * (float(loss.detach()) - smoothed)
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"{step:5d}  huber {smoothed:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return float(loss.detach())
