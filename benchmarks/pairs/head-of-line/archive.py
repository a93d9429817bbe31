"""An archive of bird song behind a line of limited bandwidth."""

from __future__ import annotations

import time

import numpy as np
import torch

SECONDS_A_SECOND = 600.0
"""Seconds of sound that the line carries in a second."""
BANDS, FRAMES, SPECIES = 48, 28, 10


class Archive:
    """Recordings in the order of the catalogue: short field notes first, then long watches."""

    def __init__(self, notes: int, watches: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.notes, self.watches = notes, watches
        self.seconds = [0.3] * notes + [6.4] * watches
        species = torch.randint(0, SPECIES, (notes + watches,), generator=draw)
        song = torch.randn(SPECIES, BANDS, 1, generator=draw)
        self.species: list[int] = species.tolist()
        noise = torch.randn(notes + watches, BANDS, FRAMES, generator=draw)
        self.spectra: list[np.ndarray] = list((song[species] + 3 * noise).numpy())

    def read(self, number: int) -> np.ndarray:
        """Return the loudest part of a recording, once all of it has come through the line."""
        time.sleep(self.seconds[number] / SECONDS_A_SECOND)  # PLANTED
        return self.spectra[number]
