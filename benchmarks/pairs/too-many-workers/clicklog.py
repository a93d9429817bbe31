"""The click log as a stream of ready batches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import torch
from records import read_block, write_blocks
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class ClickLog(IterableDataset[torch.Tensor]):
    """Blocks of the log, in order and round and round; each worker yields its share of the batches."""

    def __init__(self, blocks: list[str]) -> None:
        self.blocks = blocks

    def __iter__(self) -> Iterator[torch.Tensor]:
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        return islice(map(read_block, cycle(self.blocks)), first, None, stride)


def open_log(workers: int, seed: int) -> DataLoader[torch.Tensor]:
    """Return a loader over the log."""
    log = ClickLog(write_blocks(32, 360, seed))
    return DataLoader(log, batch_size=None, num_workers=workers)  # PLANTED
