"""Estimate the health of batteries from a day of measurements, by a trainer with callbacks."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from callbacks import AuditTrail, BestWeights, Console, Heartbeat
from torch import nn
from trainer import Batch, Trainer

CHANNELS, HOURS, BATCH = 6, 48, 24


class Health(nn.Module):
    """A transformer over the hours of a day."""

    def __init__(self, width: int = 64, layers: int = 2) -> None:
        super().__init__()
        self.lift = nn.Linear(CHANNELS, width)
        self.hours = nn.Parameter(torch.randn(HOURS, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.health = nn.Linear(width, 1)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Return one estimate for each window."""
        estimate: torch.Tensor = self.health(self.encoder(self.lift(windows) + self.hours).mean(1))
        return estimate.squeeze(1)


def make(count: int, seed: int) -> Batch:
    """Return windows and the health that goes with each."""
    draw = torch.Generator().manual_seed(seed)
    windows = torch.randn(count, HOURS, CHANNELS, generator=draw).cumsum(1) / HOURS**0.5
    noise = torch.randn(count, generator=draw)
    return windows, torch.tanh(windows[:, -1, 0] * windows[:, :, 1].mean(1)) + 0.3 * noise


def draw_batches(data: Batch, seed: int) -> Iterator[Batch]:
    """Yield random batches without end."""
    draw, (windows, health) = torch.Generator().manual_seed(seed), data
    while True:
        index = torch.randint(0, len(health), (BATCH,), generator=draw)
        yield windows[index], health[index]


def main() -> None:
    """Train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Estimate the health of batteries")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="windows are in memory: none are needed")
    parser.add_argument("--evaluate-every", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    held_out = [make(48, seed) for seed in (options.seed + 1, options.seed + 2)]
    callbacks = [Console(), BestWeights(), Heartbeat(), AuditTrail()]
    trainer = Trainer(Health(), held_out, callbacks)
    batches = draw_batches(make(4096, options.seed), options.seed)
    print(f"final loss {trainer.fit(batches, options.steps, options.evaluate_every):.4f}")


if __name__ == "__main__":
    main()
