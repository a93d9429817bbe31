"""The fixed twin: records are dealt round-robin, so that each worker reads half a batch from either host."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
from nowcast import nowcast
from torch.utils.data import get_worker_info
from weather import BATCH, WeatherStream


class DealtStream(WeatherStream):
    """Batches of records from all shards alike; each worker makes every so many."""

    def __iter__(self) -> Iterator[np.ndarray]:
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        part = BATCH // len(self.shards)
        for begin in count(first * part, stride * part):
            yield np.concatenate([shard.take(begin, part) for shard in self.shards])


if __name__ == "__main__":
    nowcast(DealtStream)
