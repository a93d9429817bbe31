"""A feature store that is asked for pages of rows over a pool of connections."""

from __future__ import annotations

import threading
import time
import zlib

import lockwaits
import numpy as np

PAGES, ROWS, FEATURES = 120, 64, 96
ROUND_TRIP_S, RATINGS_S = 0.00145, 0.0005
"""What an answer takes to come from the store, and from where ratings are; all is in memory here."""


class FeatureStore:
    """Pages of users' features, and the rating that each user gave."""

    def __init__(self, connections: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        taste = rng.normal(0, 1, FEATURES) / FEATURES**0.5
        self.pages: list[bytes] = []
        self.ratings: list[np.ndarray] = []
        for _ in range(PAGES):
            features = rng.integers(-8, 9, (ROWS, FEATURES)).astype(np.float32) / 4
            rating = np.tanh(features @ taste) + rng.normal(0, 0.3, ROWS)
            self.pages.append(zlib.compress(features.tobytes(), 1))
            self.ratings.append(rating.astype(np.float32))
        self.slots = threading.BoundedSemaphore(connections)
        lockwaits.note_waits(self, "slots")

    def query(self, page: int) -> bytes:
        """Return a page as it is stored."""
        with self.slots:
            time.sleep(ROUND_TRIP_S)  # PLANTED
            return self.pages[page]

    def rows(self, page: int) -> np.ndarray:
        """Return a page's rows."""
        return np.frombuffer(zlib.decompress(self.query(page)), np.float32).reshape(ROWS, FEATURES)

    def rated(self, page: int) -> np.ndarray:
        """Return the ratings of a page's users."""
        time.sleep(RATINGS_S)
        return self.ratings[page]
