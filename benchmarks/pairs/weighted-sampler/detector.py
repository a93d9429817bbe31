"""A detector of fraud, a gate for each feature before a deep head, and how it is trained."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from stopwatch import watch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Sampler
from transfers import FEATURES, Transfers


def options_of(description: str) -> argparse.Namespace:
    """Return the options of one training run, and set torch up for it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=192)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    return options


class Detector(nn.Module):
    """Gates the features, then judges them."""

    def __init__(self, width: int = 768) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.Sigmoid())
        self.body = nn.Sequential(
            nn.Linear(FEATURES, width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU()
        )
        self.head = nn.Linear(width, 1)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the log odds of fraud."""
        odds: torch.Tensor = self.head(self.body(values * self.gate(values)))
        return odds.squeeze(-1)


def batches(data: Transfers, order: Sampler[int], options: argparse.Namespace) -> DataLoader[Any]:
    """Return a loader that asks the data for whole batches in this order of rows."""
    grouped = BatchSampler(order, options.batch_size, drop_last=True)
    return DataLoader(data, batch_size=None, sampler=grouped, num_workers=options.workers)


def detect(loader: DataLoader[Any]) -> float:
    """Return the smoothed loss after one pass."""
    detector, criterion = Detector(), nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(detector.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)
    smooth, source = torch.tensor(0.7), iter(loader)
    watch.enter("data_loading")
    while (table := next(source, None)) is not None:
        watch.enter("compute")
        loss = criterion(detector(table[:, :FEATURES]), table[:, FEATURES])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        smooth = smooth.lerp(loss.detach(), 0.02)
        watch.step()
        watch.enter("data_loading")
    return float(smooth)
