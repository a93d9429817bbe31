"""Logs of many lengths: those of one length are served together, so that none is padded."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch

EVENTS, TOPICS, SHORTEST, LONGEST, TOGETHER = 500, 6, 60, 260, 8

Batch = tuple[torch.Tensor, torch.Tensor]


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class LengthGroups:
    """Batches of one length after another, in any order."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.draw = torch.Generator().manual_seed(options.seed)
        self.logs = torch.randint(1, EVENTS, (2000, LONGEST), generator=self.draw)
        self.topics = torch.randint(0, TOPICS, (2000,), generator=self.draw)
        typical = torch.rand(self.logs.shape, generator=self.draw) < 0.2
        self.logs[typical] = (self.logs // TOPICS * TOPICS + self.topics[:, None])[typical].clamp(
            1, EVENTS - 1
        )

    def __iter__(self) -> Iterator[Batch]:
        """Yield as many batches as there are steps."""
        lengths = (torch.randperm(LONGEST - SHORTEST, generator=self.draw) + SHORTEST).tolist()
        for step in range(self.options.steps):
            length = lengths[step // TOGETHER % len(lengths)]
            chosen = torch.randint(0, len(self.logs), (self.options.batch_size,), generator=self.draw)
            yield self.shape(self.logs[chosen, :length]), self.topics[chosen]

    def shape(self, logs: torch.Tensor) -> torch.Tensor:
        """Return logs in the shape that the model gets."""
        return logs
