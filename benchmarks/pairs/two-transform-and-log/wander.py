"""Take the wandering baseline out of a recording."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

REACH = 7
"""Samples on either side from which the baseline is judged."""


def baseline(beat: np.ndarray) -> np.ndarray:
    """Return the running median of each lead."""
    padded = np.pad(beat, ((0, 0), (REACH, REACH)), mode="edge")
    around = sliding_window_view(padded, 2 * REACH + 1, axis=1)
    middle: np.ndarray = np.median(around, axis=2)  # PLANTED
    return middle


def level(beat: np.ndarray) -> np.ndarray:
    """Return a beat without its baseline, at most three units high."""
    flat: np.ndarray = np.clip(beat - baseline(beat), -3, 3)
    return flat
