"""Studies as a stream of batches, divided among the loader's workers."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import lockwaits
import numpy as np
from studies import SIDE, SLICES, Studies
from torch.utils.data import IterableDataset, get_worker_info

Batch = tuple[np.ndarray, np.ndarray, lockwaits.Spans]


class Stream(IterableDataset[Batch]):
    """As many batches as there are steps, each a study, turned by a quarter each time it comes again."""

    def __init__(self, studies: Studies, count: int, steps: int) -> None:
        self.studies, self.count, self.steps = studies, count, steps

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in range(first, self.steps, stride):
            turns, number = divmod(step, self.count)
            packed, mask = self.studies.read(number), self.studies.mask(number)
            density, mask = (np.rot90(part, turns, (2, 3)) for part in (unpack(packed), mask))
            self.studies.count_read(number)
            waits, self.studies.waits = self.studies.waits, []
            yield np.ascontiguousarray(density), np.ascontiguousarray(mask), waits


def unpack(packed: bytes) -> np.ndarray:
    """Return a study's densities, within what soft tissue has."""
    raw = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
    density: np.ndarray = raw.reshape(SLICES, 1, SIDE, SIDE).clip(40, 200)
    return density


def keep(batch: Any) -> Any:
    """Return a batch as it is."""
    return batch
