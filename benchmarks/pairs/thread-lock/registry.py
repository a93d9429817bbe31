"""What training reports about itself, collected under one lock until it is published."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

KEPT = 2
"""Snapshots of the gradients that a published record covers."""


class Registry:
    """Losses and gradients of the last steps, written by training and read by the publisher."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fresh = threading.Event()
        self.losses: deque[float] = deque(maxlen=1000)
        self.gradients: deque[np.ndarray] = deque(maxlen=KEPT)

    def observe_gradient(self, gradient: np.ndarray) -> None:
        """Keep one step's gradient; there is something to publish."""
        with self.lock:
            self.gradients.append(gradient)
        self.fresh.set()

    def observe_loss(self, loss: float) -> None:
        """Keep one step's loss."""
        with self.lock:
            self.losses.append(loss)

    def snapshot(self) -> tuple[list[float], list[np.ndarray]]:
        """Return what is kept; the caller holds the lock."""
        return list(self.losses), list(self.gradients)
