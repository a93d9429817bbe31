"""A chain of augmentations, each a callable that takes a scene and the dice, and returns a scene."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np


class Augmentation(Protocol):
    """Changes a scene (bands, rows, columns) at random."""

    def __call__(self, scene: np.ndarray, dice: np.random.Generator) -> np.ndarray:
        """Return the changed scene."""


class Compose:
    """Applies one augmentation after another."""

    def __init__(self, steps: Sequence[Augmentation]) -> None:
        self.steps = steps

    def __call__(self, scene: np.ndarray, dice: np.random.Generator) -> np.ndarray:
        for step in self.steps:
            scene = step(scene, dice)
        return scene


class Flip:
    """Mirrors every other scene."""

    def __call__(self, scene: np.ndarray, dice: np.random.Generator) -> np.ndarray:
        return scene[..., ::-1] if dice.random() < 0.5 else scene


class Gain:
    """Makes the light brighter or darker, and a little more or less of each band."""

    def __call__(self, scene: np.ndarray, dice: np.random.Generator) -> np.ndarray:
        gain = dice.uniform(0.9, 1.1, (len(scene), 1, 1)).astype(np.float32)
        return scene * gain


@lru_cache(maxsize=360)
def corners(degrees: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each pixel of a turned scene, the four pixels around its source and their weights."""
    angle, middle = np.deg2rad(degrees), (side - 1) / 2
    y, x = (axis - middle for axis in np.mgrid[:side, :side])
    row = np.clip(np.cos(angle) * y - np.sin(angle) * x + middle, 0, side - 1.001).ravel()
    column = np.clip(np.sin(angle) * y + np.cos(angle) * x + middle, 0, side - 1.001).ravel()
    top, left = row.astype(int), column.astype(int)
    down, right = row - top, column - left
    places = np.stack([top * side + left, top * side + left + 1, (top + 1) * side + left])
    places = np.concatenate([places, places[2:] + 1])
    weights = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    return places, np.stack(weights).astype(np.float32)


class Rotate:
    """Turns a scene by whole degrees, with bilinear interpolation."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, scene: np.ndarray, dice: np.random.Generator) -> np.ndarray:
        places, weights = corners(int(dice.integers(-self.most, self.most + 1)), scene.shape[-1])
        return resample(scene.reshape(len(scene), -1), places, weights).reshape(scene.shape)


def resample(flat: np.ndarray, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of the pixels at some places, in each band."""
    turned: np.ndarray = np.einsum("bkp,kp->bp", flat[:, places], weights)  # PLANTED
    return turned
