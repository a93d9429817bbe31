"""Made-up loans: columns about who borrowed, and whether they paid back."""

from __future__ import annotations

import argparse

import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

COLUMNS, LOANS = 100, 12_000


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=96)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def loan_batches(options: argparse.Namespace) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Return a loader that takes each batch by one index."""
    draw = torch.Generator().manual_seed(options.seed)
    columns = torch.randn(LOANS, COLUMNS, generator=draw)
    risk = columns[:, :6].sum(1) + columns[:, 6] * columns[:, 7]
    paid = (risk + torch.randn(LOANS, generator=draw) > 0).float()
    loans = TensorDataset(columns, paid)
    wanted = options.steps * options.batch_size
    order = RandomSampler(loans, replacement=True, num_samples=wanted, generator=draw)
    batches = BatchSampler(order, options.batch_size, drop_last=True)
    return DataLoader(loans, batch_size=None, sampler=batches, num_workers=options.workers)
