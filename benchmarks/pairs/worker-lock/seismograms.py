"""Seismograms of three components, as a data set whose items are whole batches."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lockwaits
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler
from volume import Volume, forked

EVENTS, COMPONENTS, READINGS, BATCH = 480, 3, 440, 24
PHASES = 4
CATALOGUE_S = 0.002
BATCH_BYTES = BATCH * COMPONENTS * READINGS * 2

Item = tuple[np.ndarray, np.ndarray, lockwaits.Spans]


def record(path: Path, seed: int) -> np.ndarray:
    """Write events to a file, and return which phase each shows."""
    rng = np.random.default_rng(seed)
    phases: np.ndarray = rng.integers(0, PHASES, EVENTS)
    since = np.arange(READINGS, dtype=np.float32)
    wave = np.sin(0.05 * (1 + phases[:, None]) * since) * np.exp(-((since - 200) ** 2) / 9000)
    noise = rng.normal(0, 0.6, (EVENTS, COMPONENTS, READINGS)).astype(np.float32)
    path.write_bytes(((noise + wave[:, None, :]) * 2000).astype("<i2").tobytes())
    return phases


def detrend(counts: np.ndarray) -> np.ndarray:
    """Return readings without their mean and slope, at the same size for every event."""
    along = np.linspace(-1.0, 1.0, READINGS, dtype=np.float32)
    waves = counts.astype(np.float32)
    waves -= waves.mean(-1, keepdims=True)
    waves -= (waves * along).mean(-1, keepdims=True) / np.square(along).mean() * along
    detrended: np.ndarray = waves / (waves.std((1, 2), keepdims=True) + 1.0)
    return detrended.astype(np.float16)


class Catalogue:
    """Which phase each event shows, from a data base that answers after a moment."""

    def __init__(self, phases: np.ndarray) -> None:
        self.phases = phases

    def of_batch(self, index: int) -> np.ndarray:
        """Return the phases of a batch of events."""
        time.sleep(CATALOGUE_S)
        return self.phases[index * BATCH : (index + 1) * BATCH]


class Seismograms(Dataset[Item]):
    """Batches of events that lie side by side on the volume."""

    def __init__(self, volume: Volume, phases: np.ndarray) -> None:
        self.volume, self.catalogue = volume, Catalogue(phases)

    def __len__(self) -> int:
        return EVENTS // BATCH

    def __getitem__(self, index: int) -> Item:
        raw = self.volume.stretch(index * BATCH_BYTES, BATCH_BYTES)
        counts = np.frombuffer(raw, dtype="<i2").reshape(BATCH, COMPONENTS, READINGS)
        phases = self.catalogue.of_batch(index)
        waves = detrend(counts)
        self.volume.account(len(raw))
        return waves, phases, lockwaits.take(getattr(self.volume, "guard", None))


def keep(item: Any) -> Any:
    """Return a batch as it is."""
    return item


def load(data: Seismograms, steps: int, workers: int, seed: int) -> DataLoader[Any]:
    """Return a loader of one batch a step."""
    draw = torch.Generator().manual_seed(seed)
    order = RandomSampler(data, replacement=True, num_samples=steps, generator=draw)
    return DataLoader(
        data,
        batch_size=None,
        sampler=order,
        collate_fn=keep,
        num_workers=workers,
        multiprocessing_context=forked if workers else None,
    )
