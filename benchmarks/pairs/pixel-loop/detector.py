"""A flat-panel detector: raw counts of twelve bits, and the curve that turns them into doses."""

from __future__ import annotations

import numpy as np

SIDE, LEVELS, CASTINGS = 28, 4096, 6


def calibrate(seed: int) -> np.ndarray:
    """Return the dose for each raw count: the panel saturates slowly, and is a little rough."""
    rng = np.random.default_rng(seed)
    counts = np.linspace(0, 1, LEVELS)
    curve: np.ndarray = np.log1p(5 * counts) / np.log(6) + rng.normal(0, 0.002, LEVELS)
    return curve.astype(np.float32)


def expose(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return raw frames of castings and the kind of each: a blob of a size and height of its own."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, CASTINGS, count)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    radius = 4 + kinds + rng.normal(0, 1.0, count)
    blobs = np.exp(-(x**2 + y**2) / (2 * radius[:, None, None] ** 2))
    counts = 600 + 2200 * blobs + rng.normal(0, 300, blobs.shape)
    return np.clip(counts, 0, LEVELS - 1).astype(np.uint16), kinds


def doses(frame: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Return the dose that each pixel has seen."""
    dose = np.empty(frame.shape, dtype=np.float32)
    for row in range(frame.shape[0]):
        for column in range(frame.shape[1]):
            dose[row, column] = curve[frame[row, column]]  # PLANTED
    return dose
