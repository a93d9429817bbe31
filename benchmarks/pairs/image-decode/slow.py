"""Find faults in fabric: a stream of pictures that are inflated one by one as they pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from codec import decode, encode
from fabric import cloth_of, shuffles
from inspection import BATCH, run
from torch.utils.data import DataLoader, IterableDataset

Sample = tuple[torch.Tensor, int]


class Loom(IterableDataset[Sample]):
    """Pictures one after another, from records in memory."""

    def __init__(self, pictures: np.ndarray, faults: np.ndarray, wanted: int) -> None:
        self.records = [encode(picture) for picture in pictures]
        self.faults = faults
        self.wanted = wanted

    def __iter__(self) -> Iterator[Sample]:
        for number in shuffles(len(self.records), self.wanted, seed=1):
            picture = decode(self.records[number])
            yield torch.from_numpy(cloth_of(picture)), int(self.faults[number])


def stream(pictures: np.ndarray, faults: np.ndarray, steps: int, workers: int) -> DataLoader[Any]:
    """Return a loader of encoded pictures; one worker at most, since a stream isn't divided."""
    return DataLoader(Loom(pictures, faults, steps * BATCH), batch_size=BATCH, num_workers=min(workers, 1))


if __name__ == "__main__":
    run(stream)
