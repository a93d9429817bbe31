"""Seismograms with the onset of a quake somewhere in them, as a data set read a batch at a time."""

from __future__ import annotations

import numpy as np
import torch
from spectra import despike, standardize
from torch.utils.data import Dataset

SAMPLES, PARTS = 768, 24

Batch = tuple[torch.Tensor, list[int]]


def synthesize(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy traces and the part of the trace in which each quake begins."""
    rng = np.random.default_rng(seed)
    onset = rng.integers(0, PARTS, count)
    time = np.arange(SAMPLES)[None, :] - onset[:, None] * (SAMPLES // PARTS)
    quake = np.where(time > 0, np.exp(-time / 160) * np.sin(time / 5), 0.0)
    spikes = (rng.random((count, SAMPLES)) < 0.01) * 8.0
    return (rng.normal(0, 0.7, (count, SAMPLES)) + quake + spikes).astype(np.float32), onset


class Seismograms(Dataset[Batch]):
    """Raw traces in memory, cleaned as they are drawn."""

    def __init__(self, count: int, seed: int) -> None:
        self.traces, self.onset = synthesize(count, seed)

    def __len__(self) -> int:
        return len(self.onset)

    def __getitems__(self, indices: list[int]) -> Batch:
        traces = standardize(despike(self.traces[indices]))
        return torch.from_numpy(traces).unsqueeze(1), self.onset[indices].tolist()
