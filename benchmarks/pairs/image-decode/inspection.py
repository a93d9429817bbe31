"""The inspector: a small convolutional network, and how it is trained."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from fabric import FAULTS, weave
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader

KEPT, BATCH = 320, 64

Pack = Callable[[Any, Any, int, int], "DataLoader[Any]"]


def block(inside: int, outside: int) -> nn.Sequential:
    """Return a convolution that halves the picture."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


def inspector() -> nn.Module:
    """Return the network."""
    first = nn.Sequential(nn.Conv2d(3, 16, 8, stride=8), nn.ReLU(inplace=True))
    return nn.Sequential(
        first, block(16, 32), block(32, 64), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, len(FAULTS))
    )


def train(batches: DataLoader[Any]) -> float:
    """Train on the stream until it ends; return the last loss."""
    model = inspector()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    losses: list[torch.Tensor] = []
    watch.enter("data_loading")
    for pictures, faults in batches:
        watch.enter("compute")
        scores = model(pictures.float().sub_(120).div_(40))
        loss = criterion(scores, faults)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if len(losses) == 50:
            watch.enter("logging_checkpoint")
            print(f"loss of the last 50 batches: {torch.stack(losses).mean():.4f}", flush=True)
            losses = losses[-1:]
        watch.step()
        watch.enter("data_loading")
    return losses[-1].item()


def run(pack: Pack) -> None:
    """Read the command line, make the pictures, train on them as they are packed."""
    parser = argparse.ArgumentParser(description="Find faults in fabric")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    pictures, faults = weave(KEPT, options.seed)
    last = train(pack(pictures, faults, options.steps, options.workers))
    print(f"final loss {last:.4f}")
