"""Visits to a shop: each a list of events, each event a list of numbers, as they come out of a log."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

EVENTS, SIGNALS = 40, 9

Session = list[list[float]]


class Sessions(Dataset[tuple[Session, float]]):
    """Visits of 10 to 40 events, and whether something was bought."""

    def __init__(self, count: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.lengths = torch.randint(10, EVENTS + 1, (count,), generator=draw)
        self.events = torch.randn(count, EVENTS, SIGNALS, generator=draw)
        self.events *= (torch.arange(EVENTS) < self.lengths[:, None]).unsqueeze(2)
        interest = self.events[:, :, 0].sum(1) / 4 + torch.randn(count, generator=draw)
        self.bought = (interest > 0).float()
        whole = zip(self.events.tolist(), self.lengths.tolist(), strict=True)
        self.sessions: list[Session] = [events[:length] for events, length in whole]

    def __len__(self) -> int:
        return len(self.sessions)

    def __getitem__(self, index: int) -> tuple[Session, float]:
        return self.sessions[index], float(self.bought[index])


def pad(visits: list[tuple[Session, float]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sessions as one tensor, filled up with zeros, and what came of each."""
    padded = torch.zeros(len(visits), EVENTS, SIGNALS)
    for row, (session, _) in enumerate(visits):
        padded[row, : len(session)] = torch.tensor(session)  # PLANTED
    return padded, torch.tensor([bought for _, bought in visits])


def load(data: Sessions, collate: Callable[..., Any], options: argparse.Namespace) -> DataLoader[Any]:
    """Return a loader of as many batches as there are steps to take."""
    count = options.steps * options.batch_size
    order = RandomSampler(
        data,
        replacement=True,
        num_samples=count,
        generator=torch.Generator().manual_seed(options.seed),
    )
    return DataLoader(
        data, options.batch_size, sampler=order, collate_fn=collate, num_workers=options.workers
    )
