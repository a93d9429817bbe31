"""The fixed twin: pictures are kept as the bytes that the network takes, and the stream is one of batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from fabric import cloth_of, shuffles
from inspection import BATCH, run
from torch.utils.data import DataLoader, IterableDataset

Batch = tuple[torch.Tensor, torch.Tensor]


class ReadyLoom(IterableDataset[Batch]):
    """Batches one after another, from decoded pictures in memory."""

    def __init__(self, pictures: np.ndarray, faults: np.ndarray, wanted: int) -> None:
        self.pictures = torch.from_numpy(cloth_of(pictures.transpose(0, 3, 1, 2))).contiguous()
        self.faults = torch.from_numpy(faults)
        self.wanted = wanted

    def __iter__(self) -> Iterator[Batch]:
        order = torch.from_numpy(shuffles(len(self.faults), self.wanted, seed=1))
        for chosen in order.view(-1, BATCH):
            yield self.pictures[chosen], self.faults[chosen]


def stream(pictures: np.ndarray, faults: np.ndarray, steps: int, workers: int) -> DataLoader[Any]:
    """Return a loader of decoded pictures: with these in memory, there is nothing to do in workers."""
    del workers
    return DataLoader(ReadyLoom(pictures, faults, steps * BATCH), batch_size=None)


if __name__ == "__main__":
    run(stream)
