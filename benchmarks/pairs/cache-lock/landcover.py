"""The network that names a tile's land cover, and its training."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import torch
from depot import BANDS, COVERS
from prefetch import Batch
from stopwatch import watch
from torch import nn

SLABS = 20


def options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description="Name the land cover of satellite tiles")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="accepted; batches are made in threads")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def order(steps: int, seed: int) -> list[int]:
    """Return the number of each step's slab: all of them, then again in the same order."""
    shuffled = np.random.default_rng(seed).permutation(SLABS).tolist()
    return [shuffled[step % SLABS] for step in range(steps)]


def network() -> nn.Module:
    """Return a convolutional network of four layers."""
    layers: list[nn.Module] = []
    for wide, out in ((BANDS, 12), (12, 24), (24, 32)):
        layers += [nn.Conv2d(wide, out, 3, stride=2, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, COVERS))


def fit(coming: Iterator[Batch]) -> float:
    """Train on all that comes; return the last loss."""
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    criterion, last = nn.CrossEntropyLoss(label_smoothing=0.1), 0.0
    watch.enter("data_loading")
    for step, (tiles, covers, _) in enumerate(coming, 1):
        watch.enter("compute")
        loss = criterion(model(tiles), covers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"{step:5d} {last:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
