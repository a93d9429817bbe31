"""Slices of a scanner, kept as compressed records, with the organ seen in each."""

from __future__ import annotations

import lzma

import numpy as np
import torch
from torch.utils.data import Dataset

SIDE, ORGANS = 160, 6


def scan(count: int, seed: int) -> tuple[list[bytes], np.ndarray]:
    """Return compressed slices, and what they show; one note in five is wrong."""
    rng = np.random.default_rng(seed)
    organs = rng.integers(0, ORGANS, count)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    records = []
    for organ in organs:
        row, column = rng.integers(50, 110, 2)
        shape = np.hypot(y - row, (x - column) * (0.6 + 0.2 * organ)) < 15 + 6 * organ
        raw = (400 + 300 * shape + rng.integers(0, 16, (SIDE, SIDE))).astype(np.uint16)
        records.append(lzma.compress(raw.tobytes(), preset=0))
    noted = np.where(rng.random(count) < 0.2, rng.integers(0, ORGANS, count), organs)
    return records, noted


def restore(record: bytes) -> np.ndarray:
    """Return the slice that a record holds."""
    return np.frombuffer(lzma.decompress(record), np.uint16).reshape(SIDE, SIDE)  # PLANTED


def window(slice_: np.ndarray) -> torch.Tensor:
    """Return a slice at a third of its resolution, with soft tissue between -1 and 1."""
    third = slice_[::3, ::3].astype(np.float32)
    return torch.from_numpy((third - 550) / 200).unsqueeze(0)


class Study(Dataset[tuple[torch.Tensor, int]]):
    """All slices of a study, by number."""

    def __init__(self, count: int, seed: int) -> None:
        self.records, self.organs = scan(count, seed)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return window(restore(self.records[number])), int(self.organs[number])
