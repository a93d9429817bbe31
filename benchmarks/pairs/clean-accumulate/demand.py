"""Hourly features of power demand, with the demand a day ahead."""

from __future__ import annotations

import argparse

import torch
from torch.utils.data import DataLoader, Dataset

FEATURES, HOURS = 192, 24

Batch = tuple[torch.Tensor, torch.Tensor]


class Demand(Dataset[Batch]):
    """Features and demand as two tensors; batches are taken from both by one index each."""

    def __init__(self, count: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.features = torch.randn(count, FEATURES, generator=draw)
        mixing = torch.randn(FEATURES, HOURS, generator=draw) / FEATURES**0.5
        noise = torch.randn(count, HOURS, generator=draw)
        self.demand = torch.sin(2 * self.features @ mixing) + 0.3 * noise

    def __len__(self) -> int:
        return len(self.demand)

    def __getitem__(self, rows: list[int]) -> Batch:
        """Return these rows as one batch."""
        return self.features[rows], self.demand[rows]


def micro_batches(options: argparse.Namespace) -> DataLoader[Batch]:
    """Return a loader of as many micro-batches as all steps together take."""
    data = Demand(8192, options.seed)
    wanted = options.steps * options.accumulate * options.micro_batch
    draw = torch.Generator().manual_seed(options.seed)
    order = torch.randint(0, len(data), (wanted,), generator=draw).split(options.micro_batch)
    batches = [rows.tolist() for rows in order]
    return DataLoader(data, sampler=batches, batch_size=None, num_workers=options.workers)
