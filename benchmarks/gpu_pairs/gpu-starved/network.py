"""Model and loop that the slow script and its fixed twin share."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from scans import Scans
from timing import timing
from torch import nn
from torch.utils.data import DataLoader


def parse() -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description="Train on scans")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--width", type=int, default=96)
    return parser.parse_args()


def build(width: int) -> nn.Module:
    """Return a convolutional network of four stages."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=4)]
    for stage in range(4):
        wide = width * 2**stage
        layers += [nn.Conv2d(wide, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU()]
        layers += [nn.Conv2d(wide, 2 * wide, 3, stride=2, padding=1), nn.BatchNorm2d(2 * wide), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width * 16, 10))


def train(workers: int, options: argparse.Namespace) -> None:
    """Train for one pass over the loader, and print the last loss."""
    torch.manual_seed(0)
    data = Scans(options.steps * options.batch_size, 0)
    loader: DataLoader[Any] = DataLoader(
        data, options.batch_size, num_workers=workers, pin_memory=True, drop_last=True
    )
    model: Any = build(options.width).cuda()
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    loss = torch.zeros(())
    for batch in loader:
        scans, kinds = (part.cuda(non_blocking=True) for part in batch)
        with torch.autocast("cuda", torch.bfloat16):
            loss = criterion(model(scans.to(memory_format=torch.channels_last)), kinds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        timing.step()
    timing.end()
    print(f"final loss {loss.item():.4f}")
