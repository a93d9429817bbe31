"""A model of clicks on pages, and its training."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import islice

import torch
from records import ITEMS
from stopwatch import watch
from torch import nn


class Ranker(nn.Module):
    """Sums what the items of a page stand for, and judges the sum."""

    def __init__(self, size: int = 64, width: int = 512) -> None:
        super().__init__()
        self.items = nn.EmbeddingBag(ITEMS, size, mode="sum")
        self.judge = nn.Sequential(
            nn.Linear(size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(self, pages: torch.Tensor) -> torch.Tensor:
        """Return one logit a page."""
        logits: torch.Tensor = self.judge(self.items(pages))
        return logits.squeeze(1)


def train(log: Iterable[torch.Tensor], options: argparse.Namespace) -> float:
    """Return the last loss."""
    model = Ranker()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    criterion, last = nn.BCEWithLogitsLoss(), 0.0
    watch.enter("data_loading")
    for step, records in enumerate(islice(log, options.steps), 1):
        watch.enter("compute")
        loss = criterion(model(records[:, 1:]), records[:, 0].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        if step % 50 == 0:
            watch.enter("logging_checkpoint")
            print(f"{step} batches, loss {last:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
