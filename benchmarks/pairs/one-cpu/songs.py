"""Songs as spectrograms, which loader processes make from recordings, a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

BIRDS, BANDS, FRAMES = 9, 48, 40
WINDOW, HOP, CLIPS = 1024, 512, 16
READINGS = WINDOW + HOP * (FRAMES - 1)
BATCHES = 30

Batch = tuple[np.ndarray, np.ndarray]


class Songs(Dataset[Batch]):
    """Recordings in memory; an item is a batch of spectrograms with the birds that sing."""

    def __init__(self, steps: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.steps = steps
        self.birds = rng.integers(0, BIRDS, (BATCHES, CLIPS))
        pitch = 0.05 + 0.04 * self.birds[:, :, None].astype(np.float32)
        time = np.arange(READINGS, dtype=np.float32)
        chirp = np.sin(pitch * time + 3 * np.sin(time / 900))
        self.waves = chirp + rng.standard_normal(chirp.shape, dtype=np.float32)
        self.fade = np.hanning(WINDOW).astype(np.float32)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        waves = self.waves[step % BATCHES]
        frames = np.lib.stride_tricks.sliding_window_view(waves, WINDOW, axis=1)[:, ::HOP]
        power = np.abs(np.fft.rfft(frames * self.fade))[:, :, 1:] ** 2
        bands = power[:, :, : BANDS * 8].reshape(CLIPS, FRAMES, BANDS, 8).mean(3)
        return np.log1p(bands).astype(np.float16), self.birds[step % BATCHES]


def keep(batch: Any) -> Any:
    """Return a batch as it is."""
    return batch


def stream(steps: int, workers: int, seed: int) -> DataLoader[Any]:
    """Return a loader of one batch a step."""
    songs = Songs(steps, seed)
    return DataLoader(songs, batch_size=None, collate_fn=keep, num_workers=workers)
