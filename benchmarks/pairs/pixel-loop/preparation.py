"""Steps between the detector and the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from detector import SIDE, calibrate, doses

PATCH = 7
"""Side of the square patches that the network takes."""
ACROSS = SIDE // PATCH


@dataclass(frozen=True)
class Preparation:
    """Turns a raw frame into patches of contrast."""

    curve: np.ndarray

    @classmethod
    def for_panel(cls, seed: int) -> Preparation:
        """Return the preparation that a panel needs."""
        return cls(calibrate(seed))

    def linear(self, frame: np.ndarray) -> np.ndarray:
        """Return doses with the mean of the frame's edge taken away."""
        dose = doses(frame, self.curve)
        flat: np.ndarray = dose - dose[..., 0, :].mean(axis=-1, keepdims=True)[..., None]
        return flat

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return one row for each patch."""
        return to_patches(self.linear(frame))


def to_patches(images: np.ndarray) -> np.ndarray:
    """Return images cut into patches, each of them flat."""
    cut = images.reshape(*images.shape[:-2], ACROSS, PATCH, ACROSS, PATCH).swapaxes(-3, -2)
    return np.ascontiguousarray(cut.reshape(*images.shape[:-2], ACROSS**2, PATCH**2))
