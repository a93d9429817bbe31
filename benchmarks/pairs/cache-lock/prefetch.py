"""Make batches ahead of training, in two threads that take turns."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import lockwaits
import torch
from depot import BANDS, SIDE, TILES
from slabs import SlabCache

THREADS, AHEAD = 2, 2


class Batch(NamedTuple):
    """Tiles with their land cover, and the waits of the thread that made them."""

    tiles: torch.Tensor
    covers: torch.Tensor
    waits: lockwaits.Spans


def scale(slab: bytes, number: int) -> torch.Tensor:
    """Return a slab's tiles, scaled, and turned by the slab's number."""
    raw = torch.frombuffer(bytearray(slab), dtype=torch.uint8)
    tiles = raw.view(TILES, BANDS, SIDE, SIDE).float().sub_(128.0).div_(48.0)
    return torch.rot90(tiles, number % 4, (2, 3)).contiguous()


def batches(cache: SlabCache, order: list[int]) -> Iterator[Batch]:
    """Yield a batch for each slab of the order."""
    made: list[queue.Queue[Batch]] = [queue.Queue(AHEAD) for _ in range(THREADS)]

    def make(turn: int) -> None:
        survey = cache.depot.surveys[turn]
        for number in order[turn::THREADS]:
            slab = cache.get(number)
            survey.send(number)
            covers = torch.frombuffer(bytearray(survey.recv_bytes()), dtype=torch.uint8).long()
            tiles = scale(slab, number)
            cache.count(number)
            made[turn].put(Batch(tiles, covers, lockwaits.take(cache.lock)))

    threads = [threading.Thread(target=make, args=(turn,), name=f"make-{turn}") for turn in range(THREADS)]
    for thread in threads:
        thread.start()
    for _, ready in zip(order, itertools.cycle(made), strict=False):
        since = time.perf_counter_ns()
        batch = ready.get()
        lockwaits.charge(batch.waits, since)
        yield batch
    for thread in threads:
        thread.join()
