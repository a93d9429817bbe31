"""Stations' past hours in, their next hours out: a small transformer."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from watchers import LayerWatcher

STATIONS, PAST, AHEAD = 24, 48, 6


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Forecaster(nn.Module):
    """Attends over past hours."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.into = nn.Linear(STATIONS, width)
        self.place = nn.Parameter(0.02 * torch.randn(PAST, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.out = nn.Linear(width, AHEAD * STATIONS)

    def forward(self, past: torch.Tensor) -> torch.Tensor:
        """Return the next hours (stations side by side)."""
        hidden = self.body(self.into(past) + self.place)
        ahead: torch.Tensor = self.out(hidden[:, -1])
        return ahead


def windows(options: argparse.Namespace) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches of past and next hours."""
    draw = torch.Generator().manual_seed(options.seed)
    pitch = torch.rand(STATIONS, generator=draw) / 3 + 0.1
    hours = torch.sin(torch.arange(6000)[:, None] * pitch) + 0.3 * torch.randn(6000, STATIONS, generator=draw)
    reach = torch.arange(PAST + AHEAD)
    for _ in range(options.steps):
        start = torch.randint(0, len(hours) - len(reach), (options.batch_size, 1), generator=draw)
        found = hours[start + reach]
        yield found[:, :PAST], found[:, PAST:].flatten(1)


def train(model: Forecaster, watcher: LayerWatcher, options: argparse.Namespace) -> float:
    """Return the last loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, fused=True)
    criterion, last = nn.SmoothL1Loss(), 0.0
    watch.enter("data_loading")
    for step, (past, ahead) in enumerate(windows(options), 1):
        watch.enter("compute")
        loss = criterion(model(past), ahead)
        loss.backward()
        optimizer.step()
        last = loss.item()
        watcher.see(step, last)
        optimizer.zero_grad()
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {last:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
