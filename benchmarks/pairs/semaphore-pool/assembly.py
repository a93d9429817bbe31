"""Put batches together from pages of the store, with a few threads and one batch ahead."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

import lockwaits
import numpy as np
import torch
from store import PAGES, FeatureStore

PARTS, PAGES_A_PART = 4, 3


class Part(NamedTuple):
    """A quarter of a batch, and when it was ready."""

    rows: np.ndarray
    ratings: np.ndarray
    ready_ns: int
    waits: lockwaits.Spans


class Assembly:
    """Batches of random pages."""

    def __init__(self, store: FeatureStore, seed: int) -> None:
        self.store = store
        self.rng = np.random.default_rng(seed)
        self.threads = ThreadPoolExecutor(PARTS, thread_name_prefix="assembly")

    def part(self, pages: list[int]) -> Part:
        """Return the rows of some pages."""
        rows, ratings = zip(*((self.store.rows(page), self.store.rated(page)) for page in pages), strict=True)
        waits = lockwaits.take(self.store.slots)
        return Part(np.concatenate(rows), np.concatenate(ratings), time.perf_counter_ns(), waits)

    def order(self) -> list[Future[Part]]:
        """Start on a batch."""
        chosen = self.rng.integers(0, PAGES, (PARTS, PAGES_A_PART)).tolist()
        return [self.threads.submit(self.part, pages) for pages in chosen]

    def batches(self, steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield features and ratings."""
        coming = self.order()
        for left in range(steps - 1, -1, -1):
            since = time.perf_counter_ns()
            wait(coming)
            parts = [part.result() for part in coming]
            lockwaits.charge(max(parts, key=lambda part: part.ready_ns).waits, since)
            coming = self.order() if left else []
            rows = np.concatenate([part.rows for part in parts])
            ratings = np.concatenate([part.ratings for part in parts])
            yield torch.from_numpy(rows), torch.from_numpy(ratings)
        self.threads.shutdown()
