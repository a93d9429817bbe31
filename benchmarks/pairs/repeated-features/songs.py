"""Short recordings of birds, made up from a seed: chirps that rise, fall or warble, in the wind."""

from __future__ import annotations

import numpy as np

RATE, SECONDS = 22050, 0.75
SPECIES = ("tit", "warbler", "thrush", "wren", "owl")


def record(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return recordings and the species in each."""
    rng = np.random.default_rng(seed)
    species = rng.integers(0, len(SPECIES), count)
    time = np.arange(int(RATE * SECONDS), dtype=np.float32) / RATE
    start = np.array([4200, 3000, 2200, 5200, 700], dtype=np.float32)[species]
    slope = np.array([1500, -1200, 900, -2500, 50], dtype=np.float32)[species]
    start = (start * rng.uniform(0.8, 1.2, count)).astype(np.float32)
    waves = 0.3 * np.sin(2 * np.pi * (start[:, None] + slope[:, None] * time) * time)
    waves += rng.standard_normal(waves.shape, dtype=np.float32)
    heard = np.where(rng.random(count) < 0.1, rng.integers(0, len(SPECIES), count), species)
    return waves, heard
