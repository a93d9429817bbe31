"""Network and loop that both sides share."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import torch
from keeper import Keeper
from slices import ORGANS
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

KEPT = 80_000
"""Embeddings in the bank."""


def options_of(description: str) -> argparse.Namespace:
    """Return the options, with torch set up by them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    return options


class OrganNet(nn.Module):
    """Names the organ in a slice; keeps embeddings of the latest slices, so that like cases can be found."""

    bank: torch.Tensor

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 40, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(40, 40, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(40 * 49, width),
        )
        self.name = nn.Linear(width, ORGANS)
        self.register_buffer("bank", nn.functional.normalize(torch.randn(KEPT, width), dim=1))
        self.seen = 0

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        """Return a score for each organ."""
        embedded = self.see(slices)
        places = (self.seen + torch.arange(len(slices))) % KEPT
        self.bank.index_copy_(0, places, embedded.detach())
        self.seen += len(slices)
        scores: torch.Tensor = self.name(torch.relu(embedded))
        return scores


def loader(data: Any, options: argparse.Namespace, **more: Any) -> DataLoader[Any]:
    """Return a loader that has one batch under way for each worker."""
    count = options.steps * options.batch_size
    draw = torch.Generator().manual_seed(options.seed)
    return DataLoader(
        data,
        batch_size=options.batch_size,
        sampler=RandomSampler(data, replacement=True, num_samples=count, generator=draw),
        num_workers=options.workers,
        prefetch_factor=1 if options.workers else None,
        **more,
    )


def updates(model: nn.Module, batches: DataLoader[Any], keeper: Keeper) -> Iterator[torch.Tensor]:
    """Yield the loss of each step."""
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, fused=True)
    watch.enter("data_loading")
    for step, (slices, organs) in enumerate(batches, 1):
        watch.enter("compute")
        loss = criterion(model(torch.as_tensor(slices)), torch.as_tensor(organs))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        keeper.after(step, model, optimizer)
        yield loss.detach()
        watch.step()
        watch.enter("data_loading")


def learn(batches: DataLoader[Any], keeper: Keeper) -> float:
    """Return the last loss."""
    total, loss = torch.zeros(()), torch.zeros(())
    for step, loss in enumerate(updates(OrganNet(), batches, keeper), 1):
        total += loss
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: mean loss {total.item() / 100:.4f}", flush=True)
            total.zero_()
    return loss.item()
