"""A residual network for scenes, and the loop that trains it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import torch
from fields import BANDS, CROPS
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


def parse() -> argparse.Namespace:
    """Return the options of a run."""
    parser = argparse.ArgumentParser(description="Name the crop in a scene")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch", type=int, default=56)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Residual(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(wide, wide, 3, padding=1)
        self.second = nn.Conv2d(wide, wide, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input with what was found added."""
        found: torch.Tensor = self.second(torch.relu(self.first(torch.relu(x))))
        return x + found


def build(wide: int = 8) -> nn.Module:
    """Return the network."""
    return nn.Sequential(
        nn.Conv2d(BANDS, wide, 6, stride=4, padding=1),
        Residual(wide),
        nn.ReLU(),
        nn.Conv2d(wide, 2 * wide, 3, stride=2, padding=1),
        Residual(2 * wide),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * wide, CROPS),
    )


def train(loader: DataLoader[Any], options: argparse.Namespace) -> None:
    """Train once over the loader, and print the final loss."""
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=50)
    watch.enter("data_loading")
    for done, (scenes, crops) in enumerate(loader, 1):
        watch.enter("compute")
        optimizer.zero_grad()
        loss = criterion(model(scenes), crops)
        loss.backward()
        optimizer.step()
        watch.enter("host_work")
        warm.step()
        if done % 80 == 0:
            watch.enter("logging_checkpoint")
            print(f"{done}/{options.steps}: {loss.item():.3f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    print(f"final loss {loss.item():.4f}")
