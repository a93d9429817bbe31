"""Spectrograms of spoken commands, shifted, scaled and masked at random for each use."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

BANDS, FRAMES, COMMANDS = 40, 64, 12
MARGIN, MASKED = 8, 6


class Batch(NamedTuple):
    """Spectrograms with the command spoken in each; arrays, which are small enough to be sent as bytes."""

    clips: np.ndarray
    commands: np.ndarray


class Commands(Dataset[Batch]):
    """Clips with a margin for random shifts; the loader asks for whole batches."""

    def __init__(self, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        spoken = rng.standard_normal((COMMANDS, BANDS, FRAMES + MARGIN), np.float32)
        self.commands = rng.integers(0, COMMANDS, count)
        self.clips = rng.standard_normal((count, BANDS, FRAMES + MARGIN), np.float32)
        self.clips += np.float32(0.3) * spoken[self.commands]

    def __len__(self) -> int:
        return len(self.commands)

    def __getitems__(self, indices: list[int]) -> Batch:
        """Return a batch, every clip of it shifted, made louder or softer, and masked anew."""
        count = len(indices)
        rng = np.random.default_rng(int(torch.randint(2**31, (1,))))
        first = rng.integers(0, MARGIN + 1, (count, 1, 1))
        window = np.broadcast_to(first + np.arange(FRAMES), (count, BANDS, FRAMES))
        clips = np.take_along_axis(self.clips[indices], window, axis=2)
        clips *= rng.uniform(0.8, 1.2, (count, 1, 1)).astype(np.float32)
        above = np.arange(BANDS) - rng.integers(0, BANDS - MASKED, (count, 1))
        clips *= ((above < 0) | (above >= MASKED))[:, :, None]
        return Batch(clips[:, None], self.commands[indices])


def as_made(batch: Any) -> Any:
    """Return a batch as the data set made it."""
    return batch


def load(count: int, batch: int, workers: int, seed: int) -> DataLoader[Batch]:
    """Return a loader whose workers live as long as the run."""
    return DataLoader(
        Commands(count, seed),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        collate_fn=as_made,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
        generator=torch.Generator().manual_seed(seed),
    )
