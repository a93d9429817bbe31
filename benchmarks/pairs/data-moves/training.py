"""Model and training loop that the slow script and its fixed twin share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import count
from typing import Any

import torch
from rows import CHANNELS, CLASSES
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader

Convert = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def build(width: int) -> nn.Module:
    """Return a perceptron that names the state from a row of readings."""
    return nn.Sequential(
        nn.Linear(CHANNELS, width),
        nn.LayerNorm(width),
        nn.GELU(),
        nn.Linear(width, width),
        nn.GELU(),
        nn.Linear(width, CLASSES),
    )


def train(loader: DataLoader[Any], convert: Convert, options: argparse.Namespace) -> float:
    """Return the last loss after one pass over the loader."""
    model = build(options.width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    criterion, last, steps = nn.CrossEntropyLoss(), 0.0, count(1)
    watch.enter("data_loading")
    for batch in loader:  # enumerate would keep the last batch until it has the next
        watch.enter("host_work")
        readings, states = convert(*batch)
        watch.enter("host_work")
        del batch  # freeing lists takes a while: here, not while the next batch is fetched
        watch.enter("compute")
        loss = criterion(model(readings), states)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        step = next(steps)
        if step % 50 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {last:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
