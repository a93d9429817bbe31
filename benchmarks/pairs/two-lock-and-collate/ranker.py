"""Model and training loop that both sides share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from serving import Feed, Shelf
from sessions import SIGNALS
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader


def read_options() -> argparse.Namespace:
    """Return the options, with torch set up by them."""
    parser = argparse.ArgumentParser(description="Foresee what visitors buy")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    return options


class Ranker(nn.Module):
    """Reads the events of a visit, weighs them, and foresees whether something is bought."""

    def __init__(self, width: int = 104) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Linear(SIGNALS, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.weigh = nn.Linear(width, 1)
        self.judge = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, events: torch.Tensor) -> torch.Tensor:
        """Return a score for each visit."""
        seen = self.read(events)
        weight = self.weigh(seen).softmax(1)
        score: torch.Tensor = self.judge((weight * seen).sum(1))
        return score.squeeze(1)


def train(loader: DataLoader[Any], make_feed: Callable[[Shelf], Feed]) -> float:
    """Return the last loss after one pass over the loader."""
    model = Ranker()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    criterion, shelf, loss = nn.BCEWithLogitsLoss(), Shelf(model), torch.zeros(())
    watch.time_lock(shelf, "guard")
    feed, batches = make_feed(shelf), iter(loader)  # workers are forked before there are threads
    feed.thread.start()
    watch.enter("data_loading")
    for step, (events, bought) in enumerate(batches, 1):
        watch.enter("compute")
        loss = criterion(model(events), bought)
        feed.announce()
        optimizer.zero_grad()
        loss.backward()
        with shelf.guard:
            optimizer.step()
        if step % 50 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {loss.item():.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    feed.close()
    return loss.item()
