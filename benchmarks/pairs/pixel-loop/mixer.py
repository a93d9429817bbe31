"""A mixer over patches, and a training loop with callbacks."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

import torch
from detector import CASTINGS
from preparation import ACROSS, PATCH
from stopwatch import watch
from torch import nn

Callback = Callable[[int, torch.Tensor], None]


def read_options() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Sort castings by their X-ray")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=56)
    parser.add_argument("--wide", type=int, default=72)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Mixer(nn.Module):
    """Mixes patches, then features, and averages."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.embed = nn.Linear(PATCH**2, wide)
        self.between = nn.Sequential(nn.Linear(ACROSS**2, 32), nn.GELU(), nn.Linear(32, ACROSS**2))
        self.norms = nn.ModuleList(nn.LayerNorm(wide) for _ in range(2))
        self.within = nn.Sequential(nn.Linear(wide, 3 * wide), nn.GELU(), nn.Linear(3 * wide, wide))
        self.head = nn.Linear(wide, CASTINGS)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return a score for each kind of casting."""
        x = self.embed(patches)
        x = x + self.between(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        x = x + self.within(self.norms[1](x))
        scores: torch.Tensor = self.head(x.mean(1))
        return scores


class Progress:
    """Prints the mean loss of every fifty steps."""

    def __init__(self) -> None:
        self.losses: list[torch.Tensor] = []

    def __call__(self, step: int, loss: torch.Tensor) -> None:
        self.losses.append(loss)
        if step % 50 == 0:
            before = watch.enter("logging_checkpoint")
            print(f"step {step}: {torch.stack(self.losses).mean():.4f}", flush=True)
            self.losses.clear()
            watch.enter(before)


def loop(batches: Iterable[Any], wide: int, *callbacks: Callback) -> torch.Tensor:
    """Train on all batches; return the last loss."""
    model = Mixer(wide)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    last = torch.zeros(())
    watch.enter("data_loading")
    for step, (patches, kinds) in enumerate(batches, 1):
        watch.enter("compute")
        optimizer.zero_grad()
        loss = criterion(model(patches), kinds)
        loss.backward()
        optimizer.step()
        last = loss.detach()
        watch.enter("host_work")
        for callback in callbacks:
            callback(step, last)
        watch.step()
        watch.enter("data_loading")
    return last
