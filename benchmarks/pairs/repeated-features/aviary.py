"""Birds for the loader: each recording as its features."""

from __future__ import annotations

import numpy as np
import torch
from songs import record
from spectra import BandEnergies
from torch.utils.data import Dataset


class Aviary(Dataset[tuple[torch.Tensor, int]]):
    """Recordings and species."""

    def __init__(self, count: int, seed: int) -> None:
        self.waves, self.species = record(count, seed)
        self.features = BandEnergies()

    def __len__(self) -> int:
        return len(self.species)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.describe(index), int(self.species[index])

    def describe(self, index: int) -> torch.Tensor:
        """Return one recording's features, centred."""
        features = self.features(self.waves[index])
        return torch.from_numpy(features - features.mean(axis=0, dtype=np.float32))
