"""Pictures of fabric on a loom, some with a fault in the weave."""

from __future__ import annotations

import numpy as np
from codec import SIDE

FAULTS = ("none", "hole", "stain", "broken end")
MARGIN = 24
"""Pixels at each edge of a picture that show the loom, not the cloth."""


def weave(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures and the fault in each."""
    rng = np.random.default_rng(seed)
    faults = rng.integers(0, len(FAULTS), count)
    y, x = np.mgrid[:SIDE, :SIDE]
    cloth = 120 + 30 * np.sin(x * 0.8)[..., None] * np.cos(y * 0.8)[..., None] * np.array([1, 0.8, 0.6])
    pictures = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    for picture, fault in zip(pictures, faults, strict=True):
        drawn = cloth + rng.normal(0, 7, (SIDE, SIDE, 3))
        row, column = rng.integers(MARGIN, SIDE - MARGIN - 16, 2)
        if FAULTS[fault] == "hole":
            drawn[row : row + 9, column : column + 9] *= 0.4
        elif FAULTS[fault] == "stain":
            drawn[row : row + 16, column : column + 16, 2] += 60
        elif FAULTS[fault] == "broken end":
            drawn[:, column : column + 2] += 40
        picture[...] = np.clip(drawn, 0, 255)
    return pictures, faults


def cloth_of(pictures: np.ndarray) -> np.ndarray:
    """Return the middle of pictures whose last axes are rows and columns."""
    return pictures[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def shuffles(count: int, wanted: int, seed: int) -> np.ndarray:
    """Return an order of as many pictures as are wanted: all of them, shuffled anew each time round."""
    rng = np.random.default_rng(seed)
    rounds = [rng.permutation(count) for _ in range(-(-wanted // count))]
    return np.concatenate(rounds)[:wanted]
