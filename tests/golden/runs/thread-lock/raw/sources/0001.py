"""Publish the registry from a background thread, as a compressed record."""

from __future__ import annotations

import json
import threading
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
    """Publishes every few milliseconds until it is stopped."""

    def __init__(self, registry: Registry, pause_s: float) -> None:
        self.registry = registry
        self.pause_s = pause_s
        self.published = 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run, name="publisher", daemon=True)

    def run(self) -> None:
        """Publish, pause, and again."""
        while not self.done.wait(self.pause_s):
            self.publish()

    def publish(self) -> None:
        """Publish what the registry holds now."""
        with self.registry.lock:
            record = zlib.compress(pack(*self.registry.snapshot()), 6)  # PLANTED
        self.published += len(record)

    def stop(self) -> None:
        """End the thread."""
        self.done.set()
        self.thread.join()
