"""Token shards on disk, and a stream that packs their documents into blocks of one length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

VOCABULARY, END = 512, 0


def write_shards(folder: Path, shards: int, seed: int) -> list[Path]:
    """Return shards of documents: tokens of a random walk, each document closed by an end mark."""
    rng = np.random.default_rng(seed)
    paths = []
    for number in range(shards):
        lengths = rng.integers(40, 400, 300)
        walk = np.cumsum(rng.integers(-3, 6, lengths.sum())) % (VOCABULARY - 1) + 1
        ends = np.cumsum(lengths)
        walk[ends - 1] = END
        paths.append(folder / f"shard-{number:03d}.npz")
        np.savez(paths[-1], tokens=walk.astype(np.uint16), ends=ends)
    return paths


class PackedBlocks(IterableDataset[np.ndarray]):
    """Batches of blocks without padding: documents follow one another in a new order each time."""

    def __init__(self, paths: list[Path], block: int, batch: int, seed: int) -> None:
        self.paths, self.block, self.batch, self.seed = paths, block, batch, seed

    def __iter__(self) -> Iterator[np.ndarray]:
        info = get_worker_info()
        own = self.paths if info is None else self.paths[info.id :: info.num_workers]
        rng = np.random.default_rng((self.seed, 0 if info is None else info.id))
        left = np.empty(0, np.uint16)
        size = self.batch * (self.block + 1)
        while True:
            for number in rng.permutation(len(own)):
                left = np.concatenate((left, self.shuffled(own[number], rng)))
                whole = len(left) // size * size
                for blocks in left[:whole].reshape(-1, self.batch, self.block + 1):
                    yield blocks.astype(np.int64)
                left = left[whole:]

    def shuffled(self, path: Path, rng: np.random.Generator) -> np.ndarray:
        """Return a shard's tokens with its documents in random order."""
        with np.load(path) as shard:
            tokens, ends = shard["tokens"], shard["ends"]
        documents = np.split(tokens, ends[:-1])
        return np.concatenate([documents[number] for number in rng.permutation(len(documents))])


def as_packed(block: Any) -> Any:
    """Return a batch as it was packed; so few numbers are sent as bytes."""
    return block


def stream(paths: list[Path], block: int, batch: int, workers: int, seed: int) -> DataLoader[np.ndarray]:
    """Return a loader over a stream that never ends."""
    data = PackedBlocks(paths, block, batch, seed)
    ahead = 8 if workers else None
    return DataLoader(data, batch_size=None, num_workers=workers, collate_fn=as_packed, prefetch_factor=ahead)
