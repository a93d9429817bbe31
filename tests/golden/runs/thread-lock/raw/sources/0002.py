"""What training reports about itself, collected under one lock until it is published."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

KEPT = 3
"""Snapshots of the gradients that a published record covers."""


class Registry:
    """Losses and gradients of the last steps, written by training and read by the publisher."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.losses: deque[float] = deque(maxlen=1000)
        self.gradients: deque[np.ndarray] = deque(maxlen=KEPT)

    def observe(self, loss: float, gradient: np.ndarray) -> None:
        """Keep one step's loss and gradient."""
        with self.lock:
            self.losses.append(loss)
            self.gradients.append(gradient)

    def snapshot(self) -> tuple[list[float], list[np.ndarray]]:
        """Return what is kept; the caller holds the lock."""
        return list(self.losses), list(self.gradients)
