"""Runs on disk as a stream of batches of events."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from building import Run, in_order_of_time, take_run
from torch.utils.data import DataLoader, IterableDataset

BATCH, PER_RUN = 64, 8

Events = tuple[torch.Tensor, list[int]]


def write_runs(folder: Path, runs: int, seed: int) -> list[Path]:
    """Write simulated runs, a file each, and return where they are."""
    rng = np.random.default_rng(seed)
    files = [folder / f"run{number:04d}.npy" for number in range(runs)]
    for file in files:
        run = take_run(BATCH * PER_RUN, rng)
        np.save(file, run.hits)
        np.save(file.with_suffix(".kinds"), run.kinds)
    return files


def read_run(file: Path) -> Run:
    """Return a run that was written."""
    return Run(np.load(file), np.load(file.with_suffix(".kinds.npy")))


class EventStream(IterableDataset[Events]):
    """Events of all runs, one run after the other and again from the first."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __iter__(self) -> Iterator[Events]:
        for file in cycle(self.files):
            run = read_run(file)
            events, kinds = in_order_of_time(run.hits), run.kinds
            for begin in range(0, len(kinds), BATCH):
                part = slice(begin, begin + BATCH)
                yield torch.from_numpy(events[part].copy()), kinds[part].tolist()


def connect(files: list[Path], workers: int, ahead: int) -> DataLoader[Events]:
    """Return a loader that keeps this many batches ahead of training."""
    how: dict[str, Any] = {"multiprocessing_context": "spawn", "prefetch_factor": ahead} if workers else {}
    return DataLoader(EventStream(files), batch_size=None, num_workers=workers, **how)
