"""Turn a raw window of sensor readings into what the model takes."""

from __future__ import annotations

import numpy as np

RESOLUTION = tuple(1 + sensor % 4 for sensor in range(64))
"""Decimals that each sensor is good for."""


def snap_to_resolution(window: np.ndarray) -> np.ndarray:
    """Return the window with each sensor's readings rounded to what the sensor resolves."""
    snapped = np.empty_like(window)
    for sensor, decimals in enumerate(RESOLUTION):
        snapped[sensor] = np.round(window[sensor], decimals)  # PLANTED
    return snapped


def centre(window: np.ndarray) -> np.ndarray:
    """Return the window with each sensor's mean taken away."""
    return window - window.mean(axis=1, keepdims=True)


def clean(window: np.ndarray) -> np.ndarray:
    """Return a raw window centred and free of digits that mean nothing."""
    return centre(snap_to_resolution(window))
