"""Telemetry rows as a data set: plain lists, the way they come out of a decoder of JSON."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

CHANNELS, CLASSES = 4096, 8

Sample = tuple[list[float], int]


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Telemetry(Dataset[Sample]):
    """Rows of readings with the state that the machine was in, as lists."""

    def __init__(self, count: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.readings = torch.randn(count, CHANNELS, generator=draw)
        self.states = torch.randint(0, CLASSES, (count,), generator=draw)

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, index: int) -> Sample:
        return self.readings[index].tolist(), int(self.states[index])


def gather(samples: list[Sample]) -> tuple[list[list[float]], list[int]]:
    """Return a batch as two lists; with workers they are pickled through the loader's queue."""
    return [row for row, _ in samples], [state for _, state in samples]


def draw_order(data: Any, options: argparse.Namespace) -> RandomSampler:
    """Return an order of as many samples as the steps need."""
    generator = torch.Generator().manual_seed(options.seed)
    wanted = options.steps * options.batch_size
    return RandomSampler(data, replacement=True, num_samples=wanted, generator=generator)


def load(options: argparse.Namespace) -> DataLoader[Any]:
    """Return a loader of lists."""
    data = Telemetry(1024, options.seed)
    return DataLoader(
        data,
        batch_size=options.batch_size,
        sampler=draw_order(data, options),
        collate_fn=gather,
        num_workers=options.workers,
    )
