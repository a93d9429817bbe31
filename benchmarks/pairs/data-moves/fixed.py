"""The fixed twin: rows stay tensors of the model's type from the data set to the model."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from rows import Telemetry, draw_order, parse
from torch.utils.data import DataLoader
from training import train


class ReadyTelemetry(Telemetry):
    """Whole batches of readings, clipped once, taken by one index each."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count, seed)
        self.readings.clamp_(-4.0, 4.0)

    def __getitems__(self, indices: list[int]) -> tuple[torch.Tensor, list[int]]:
        return self.readings[indices], self.states[indices].tolist()


def keep(batch: Any) -> Any:
    """Return the batch as it is."""
    return batch


def load(options: argparse.Namespace) -> DataLoader[Any]:
    """Return a loader of tensors."""
    data = ReadyTelemetry(1024, options.seed)
    return DataLoader(
        data,
        batch_size=options.batch_size,
        sampler=draw_order(data, options),
        collate_fn=keep,
        num_workers=options.workers,
    )


def to_model_input(readings: torch.Tensor, states: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the model takes: the readings already are."""
    return readings, torch.tensor(states)


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Train on telemetry rows")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    print(f"final loss {train(load(options), to_model_input, options):.4f}")


if __name__ == "__main__":
    main()
