"""Scenes of fields in four bands, drawn from a seed, and the crop that grows on each."""

from __future__ import annotations

import numpy as np

BANDS, SIDE, CROPS = 4, 48, 5


def survey(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scenes and crops: rows of plants, at a spacing and a colour of their own."""
    rng = np.random.default_rng(seed)
    crops = rng.integers(0, CROPS, count)
    across = np.arange(SIDE, dtype=np.float32)
    spacing = 3.0 + crops[:, None] + rng.normal(0, 0.3, (count, 1))
    rows = np.sin(2 * np.pi * across / spacing + rng.random((count, 1)))
    colour = rng.normal(0, 1, (CROPS, BANDS))[crops] * 0.2
    scenes = rows[:, None, None, :] + colour[..., None, None] + rng.normal(0, 1.2, (count, BANDS, SIDE, SIDE))
    return scenes.astype(np.float32), crops
