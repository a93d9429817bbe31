"""The model: two convolutions over time, then a classifier."""

from __future__ import annotations

from recordings import FAULTS, READINGS, SENSORS
from torch import nn


def build(width: int) -> nn.Module:
    """Return a network that names the fault in a window."""
    return nn.Sequential(
        nn.Conv1d(SENSORS, width, kernel_size=5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv1d(width, width, kernel_size=5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * READINGS // 4, 128),
        nn.ReLU(),
        nn.Linear(128, FAULTS),
    )
