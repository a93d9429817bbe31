"""Vibration recordings of machines, made locally from a seed, as a data set of windows."""

from __future__ import annotations

import numpy as np
import torch
from cleaning import clean
from torch.utils.data import Dataset

SENSORS, READINGS, FAULTS = 64, 24, 6


def record(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return raw windows and the fault noted for each: a hum at the fault's own pitch."""
    rng = np.random.default_rng(seed)
    faults = rng.integers(0, FAULTS, count)
    time = np.arange(READINGS, dtype=np.float32) / READINGS
    hum = np.sin(2 * np.pi * (3 + 2 * faults[:, None]) * time[None, :]).astype(np.float32)
    noise = rng.normal(0, 1.5, (count, SENSORS, READINGS)).astype(np.float32)
    # One note in five is wrong: the loss stays above zero, so gradients never become denormal, hence slow.
    noted = np.where(rng.random(count) < 0.2, rng.integers(0, FAULTS, count), faults)
    return noise + hum[:, None, :], noted


class Recordings(Dataset[tuple[torch.Tensor, int]]):
    """Windows of all sensors, cleaned when they are asked for."""

    def __init__(self, count: int, seed: int) -> None:
        self.windows, self.faults = record(count, seed)

    def __len__(self) -> int:
        return len(self.faults)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(clean(self.windows[index])), int(self.faults[index])
