"""A nowcast of the next reading, its options and its training."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader
from weather import PAST, READINGS, WeatherStream


class Block(nn.Module):
    """A layer that adds what it finds to what it was given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Return the state with the layer's part added."""
        found: torch.Tensor = self.down(nn.functional.gelu(self.up(self.norm(state))))
        return state + found


def as_read(records: np.ndarray) -> np.ndarray:
    """Return records as they were read."""
    return records


def nowcast(make: Callable[[int], WeatherStream]) -> None:
    """Train on the stream that is made for a seed, and print the final loss."""
    parser = argparse.ArgumentParser(description="Nowcast the weather at stations")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = nn.Sequential(
        nn.Linear(PAST * READINGS, 264), *(Block(264) for _ in range(3)), nn.Linear(264, READINGS)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    criterion = nn.HuberLoss()
    how: Any = {"batch_size": None, "collate_fn": as_read, "num_workers": options.workers}
    stream: DataLoader[np.ndarray] = DataLoader(make(options.seed), **how)
    watch.enter("data_loading")
    for step, read in enumerate(stream):
        watch.enter("compute")
        records = torch.from_numpy(read)
        loss = criterion(model(records[:, :PAST].flatten(1)), records[:, PAST])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"loss at {step}: {loss.item():.4f}", flush=True)
        watch.step()
        if step + 1 == options.steps:
            break
        watch.enter("data_loading")
    print(f"final loss {loss.item():.4f}")
