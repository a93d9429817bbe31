"""Publish the registry from a background thread, as a compressed record."""

from __future__ import annotations

import json
import threading
import time
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from registry import Registry


def pack(losses: list[float], gradients: list[np.ndarray]) -> bytes:
    """Return losses and gradients as bytes, at a fixed size once the registry is full."""
    header = json.dumps({"losses": losses[-20:], "gradients": len(gradients)}).encode()
    return header + b"".join(gradient.tobytes() for gradient in gradients)


class Publisher:
    """Publishes what is fresh, at most once in a pause, until it is stopped."""

    def __init__(self, registry: Registry, pause_s: float) -> None:
        self.registry = registry
        self.pause_s = pause_s
        self.published = 0
        self.is_done = False
        self.thread = threading.Thread(target=self.run, name="publisher", daemon=True)

    def run(self) -> None:
        """Wait for something fresh, publish, pause, and again."""
        while self.registry.fresh.wait() and not self.is_done:
            self.registry.fresh.clear()
            self.publish()
            time.sleep(self.pause_s)

    def publish(self) -> None:
        """Publish what the registry holds now."""
        with self.registry.lock:
            record = zlib.compress(pack(*self.registry.snapshot()), 6)  # PLANTED
        self.published += len(record)

    def stop(self) -> None:
        """End the thread."""
        self.is_done = True
        self.registry.fresh.set()
        self.thread.join()
