"""Hand batches to training, with the few checks that the lab insists on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from plates import Plates
from torch.utils.data import DataLoader, RandomSampler


def pass_on(batch: Any) -> Any:
    """Return a batch that the data set has put together."""
    return batch


class Feeder:
    """Yields checked batches of a data set until enough were seen."""

    def __init__(self, plates: Plates, batches: int, workers: int, size: int = 48) -> None:
        draw = torch.Generator().manual_seed(plates.seed)
        order = RandomSampler(plates, replacement=True, num_samples=batches * size, generator=draw)
        self.loader: DataLoader[Any] = DataLoader(
            plates, size, sampler=order, collate_fn=pass_on, num_workers=workers
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self.loader:  # PLANTED
            self.check(batch)
            yield batch

    def check(self, batch: dict[str, Any]) -> None:
        """Refuse a batch whose parts don't belong together."""
        if not len(batch["pixels"]) == len(batch["dose"]) == len(batch["cells"]):
            raise ValueError("a batch has images without a dose or without cells")
