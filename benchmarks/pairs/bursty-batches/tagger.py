"""Tag events by their hits: a network over sets, and the loop that trains it."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from runs import connect, write_runs
from stopwatch import watch
from torch import nn


class SetNetwork(nn.Module):
    """Looks at each hit alone, then at what they have in common."""

    def __init__(self, width: int = 112, kinds: int = 5) -> None:
        super().__init__()
        self.hit = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.event = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, kinds))

    def forward(self, hits: torch.Tensor) -> torch.Tensor:
        """Return the scores of a batch of events."""
        scores: torch.Tensor = self.event(self.hit(hits).mean(dim=1))
        return scores


def run(ahead: int) -> float:
    """Train as the command line says, with this many batches ahead; return the last loss."""
    parser = argparse.ArgumentParser(description="Tag events")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    network, criterion = SetNetwork(), nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = torch.zeros(())
    with tempfile.TemporaryDirectory() as folder:
        events = iter(connect(write_runs(Path(folder), 3, options.seed), options.workers, ahead))
        for _ in range(options.steps):
            watch.enter("data_loading")
            hits, kinds = next(events)
            watch.enter("compute")
            loss = criterion(network(hits), torch.tensor(kinds))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watch.step()
        del events
    return float(loss.detach())
