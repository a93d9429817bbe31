"""Metrics of a run: scalars and pictures, appended to a compressed file by a thread of its own."""

from __future__ import annotations

import bz2
import json
import os
import threading
import time
from collections import deque
from pathlib import Path

import numpy as np

PICTURES = 4
"""Pictures of reconstructions that a record holds."""


class MetricsWriter:
    """Takes metrics from any thread, and appends what it has as a record, again and again."""

    def __init__(self, path: Path, pause_s: float) -> None:
        self.lock = threading.RLock()
        self.file = path.open("ab")
        self.pause_s = pause_s
        self.scalars: deque[tuple[str, int, float, float]] = deque(maxlen=200)
        self.pictures: deque[np.ndarray] = deque(maxlen=PICTURES)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, name="metrics-writer", daemon=True)

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        """Take one number."""
        with self.lock:
            self.scalars.append((tag, step, value, time.time()))

    def add_picture(self, picture: np.ndarray) -> None:
        """Take one picture, of any shape."""
        with self.lock:
            self.pictures.append(picture)

    def run(self) -> None:
        """Append records until the run has ended."""
        while not self.ended.wait(self.pause_s):
            self.flush()

    def record(self) -> bytes:
        """Return what is held as bytes."""
        with self.lock:
            head = json.dumps(list(self.scalars)).encode()
            return head + b"".join(picture.tobytes() for picture in self.pictures)

    def flush(self) -> None:
        """Append a record, and see that it is on the disk."""
        with self.lock:
            self.file.write(bz2.compress(self.record(), 1))  # PLANTED
            self.file.flush()
            os.fsync(self.file.fileno())

    def close(self) -> None:
        """End the thread, and close the file."""
        self.ended.set()
        self.thread.join()
        self.file.close()
