"""Features of sound: the logarithm of the energy in bands, over time."""

from __future__ import annotations

import numpy as np
from songs import RATE

WINDOW = RATE * 30 // 1000
"""Samples in a frame: 30 ms."""
HOP = WINDOW // 2
BANDS = 40


def band_weights() -> np.ndarray:
    """Return what each frequency adds to each band; bands are triangles, wider towards the top."""
    bins = np.arange(WINDOW // 2 + 1)
    edges = np.geomspace(3, len(bins) - 1, BANDS + 2)
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    weights: np.ndarray = np.clip(np.minimum(rising, falling), 0.001, None).astype(np.float32)
    return weights


class BandEnergies:
    """Computes the features of one recording."""

    def __init__(self) -> None:
        self.taper = np.hanning(WINDOW).astype(np.float32)
        self.weights = band_weights()

    def frames(self, wave: np.ndarray) -> np.ndarray:
        """Return overlapping frames, tapered."""
        cut = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP]
        return np.asarray(cut * self.taper)

    def power(self, wave: np.ndarray) -> np.ndarray:
        """Return the energy at each frequency, frame by frame."""
        spectrum = np.fft.rfft(self.frames(wave), axis=1)  # PLANTED
        power: np.ndarray = spectrum.real**2 + spectrum.imag**2
        return power

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Return features, frames by bands."""
        return np.log(self.power(wave) @ self.weights + 1e-4)
