"""Learn to foresee ratings from crossed features."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from assembly import Assembly
from stopwatch import watch
from store import FEATURES, FeatureStore
from torch import nn

TOLD_EACH = 80


class Crossed(nn.Module):
    """Crosses features with themselves twice, beside a deep part."""

    def __init__(self, wide: int = 224) -> None:
        super().__init__()
        self.crosses = nn.ModuleList(nn.Linear(FEATURES, FEATURES) for _ in range(2))
        self.deep = nn.Sequential(nn.Linear(FEATURES, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU())
        self.rate = nn.Linear(FEATURES + wide, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return a rating for each row."""
        crossed = features
        for cross in self.crosses:
            crossed = features * cross(crossed) + crossed
        rating: torch.Tensor = self.rate(torch.cat((crossed, self.deep(features)), dim=1))
        return rating.squeeze(1)


def run(connections: int) -> None:
    """Train with so many connections to the store, and print the final loss."""
    parser = argparse.ArgumentParser(description="Foresee ratings")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="accepted; batches come from threads")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    assembly = Assembly(FeatureStore(connections, options.seed), options.seed)
    model = Crossed()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9)
    loss: Any = None
    watch.enter("data_loading")
    for step, (features, ratings) in enumerate(assembly.batches(options.steps), 1):
        watch.enter("compute")
        loss = nn.functional.huber_loss(model(features), ratings)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % TOLD_EACH == 0:
            watch.enter("logging_checkpoint")
            print(f"loss {loss.item():.4f} after {step} steps", flush=True)
        watch.step()
        watch.enter("data_loading")
    print(f"final loss {loss.item():.4f}")
