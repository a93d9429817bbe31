"""A damped pendulum: states, and states a moment later."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch

MOMENT = 0.05


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def swing(state: torch.Tensor) -> torch.Tensor:
    """Return states (angle, speed) a moment later."""
    angle, speed = state.unbind(1)
    speed = speed + MOMENT * (-9.81 * torch.sin(angle) - 0.2 * speed)
    return torch.stack([angle + MOMENT * speed, speed], 1)


def observe(options: argparse.Namespace, moments: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches of first states, and of the states some moments later."""
    draw = torch.Generator().manual_seed(options.seed)
    start = torch.randn(20_000, 2, generator=draw) * torch.tensor([1.0, 2.0])
    later = start
    for _ in range(moments):
        later = swing(later)
    for _ in range(options.steps):
        chosen = torch.randint(0, len(start), (options.batch_size,), generator=draw)
        yield start[chosen], later[chosen]
