"""Command line and loader that the slow script and its fixed twin share."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch.utils.data import DataLoader, RandomSampler


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--start-method", choices=("fork", "spawn", "forkserver"), default=None)
    parser.add_argument("--batch-size", type=int, default=96)
    parser.add_argument("--width", type=int, default=160, help="channels of the convolutions")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def collate(samples: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, list[int]]:
    """Return a batch: its windows as one tensor, its faults as a list."""
    return torch.stack([window for window, _ in samples]), [fault for _, fault in samples]


def load(data: Any, options: argparse.Namespace) -> DataLoader[Any]:
    """Return a loader of as many batches of a data set as there are steps to train."""
    draws = RandomSampler(
        data,
        replacement=True,
        num_samples=options.steps * options.batch_size,
        generator=torch.Generator().manual_seed(options.seed),
    )
    return DataLoader(
        data,
        batch_size=options.batch_size,
        sampler=draws,
        collate_fn=collate,
        num_workers=options.workers,
        multiprocessing_context=options.start_method if options.workers else None,
    )
