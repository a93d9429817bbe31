"""Model and loop that the slow script and its fixed twin share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from timing import timing
from torch import nn
from torch.utils.data import DataLoader
from volumes import Volumes

Sends = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def parse() -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description="Train on volumes")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--width", type=int, default=64)
    return parser.parse_args()


def build(width: int) -> nn.Module:
    """Return a convolutional network for volumes."""
    layers: list[nn.Module] = [nn.Conv3d(1, width, 4, stride=4)]
    for stage in range(3):
        wide = width * 2**stage
        layers += [nn.Conv3d(wide, 2 * wide, 3, stride=2, padding=1), nn.BatchNorm3d(2 * wide), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(width * 8, 4))


def train(send: Sends, *, pinned: bool, options: argparse.Namespace) -> None:
    """Train for one pass over the loader, and print the last loss."""
    torch.manual_seed(0)
    data = Volumes(options.steps * options.batch_size, 0)
    loader: DataLoader[Any] = DataLoader(
        data, options.batch_size, num_workers=8, pin_memory=pinned, drop_last=True
    )
    model = build(options.width).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    loss = torch.zeros(())
    for batch in loader:
        volumes, classes = send(*batch)
        with torch.autocast("cuda", torch.bfloat16):
            loss = criterion(model(volumes), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        timing.step()
    timing.end()
    print(f"final loss {loss.item():.4f}")
