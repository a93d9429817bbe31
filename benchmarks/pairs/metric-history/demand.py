"""Hours of the past as columns, and the rides of the next one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch

COLUMNS, HOURS, EARLIER = 160, 30_000, 40_000


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Demand:
    """A table of hours."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.draw = torch.Generator().manual_seed(options.seed)
        self.hours = torch.randn(HOURS, COLUMNS, generator=self.draw)
        weights = torch.randn(COLUMNS, generator=self.draw) / COLUMNS**0.5
        self.rides = torch.tanh(self.hours @ weights) + 0.3 * torch.randn(HOURS, generator=self.draw)

    def said_before(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return forecasts of an earlier session, and what came."""
        came = torch.randn(EARLIER, generator=self.draw)
        return 0.4 * came + torch.randn(EARLIER, generator=self.draw), came

    def batches(self, count: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield batches drawn at random."""
        for _ in range(count):
            chosen = torch.randint(0, HOURS, (self.options.batch_size,), generator=self.draw)
            yield self.hours[chosen], self.rides[chosen]
