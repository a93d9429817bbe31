"""Ten-minute weather of many stations, in two shards on two hosts, as a stream of batches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
from link import Link
from torch.utils.data import IterableDataset, get_worker_info

READINGS, PAST, BATCH = 18, 8, 128
HOSTS = {"store-a": 120e6, "attic": 1.2e6}
"""Bytes a second from each host."""


class Shard:
    """Records of one host: past readings of a station, then the next one."""

    def __init__(self, host: str, records: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        trend = np.cumsum(rng.normal(0, 0.3, (records, PAST + 1, READINGS)), axis=1)
        self.records = records
        self.stored = memoryview(trend.astype(np.float32).tobytes())
        self.link = Link(host, HOSTS[host])

    def take(self, begin: int, wanted: int) -> np.ndarray:
        """Return this many records from one on, and from the first again after the last."""
        size = 4 * (PAST + 1) * READINGS
        first = begin % (self.records - wanted)
        payload = self.link.pull(self.stored[first * size : (first + wanted) * size])
        return np.frombuffer(payload, dtype=np.float32).reshape(wanted, PAST + 1, READINGS).copy()


class WeatherStream(IterableDataset[np.ndarray]):
    """Each worker reads a shard of its own; without workers they are read in turn."""

    def __init__(self, seed: int) -> None:
        self.shards = [Shard(host, 6000, seed + number) for number, host in enumerate(HOSTS)]

    def mine(self) -> list[Shard]:
        """Return the shards that this process reads."""
        worker = get_worker_info()
        return self.shards if worker is None else self.shards[worker.id :: worker.num_workers]

    def __iter__(self) -> Iterator[np.ndarray]:
        for begin in count(step=BATCH):
            for shard in self.mine():
                yield shard.take(begin, BATCH)
