"""The depot: compressed slabs of satellite tiles, kept by a process of its own that answers over pipes."""

from __future__ import annotations

import multiprocessing
import threading
import time
import zlib
from typing import Any

import numpy as np

SIDE, BANDS, TILES, COVERS = 40, 4, 40, 7
SLAB_S, SURVEY_S = 0.0205, 0.002
"""From a question to its answer, the way there and back included: for a slab, and for its land cover."""


def make_slab(rng: np.random.Generator) -> tuple[bytes, bytes]:
    """Return the pixels of one slab, compressed, and its land cover: stripes whose pitch goes with it."""
    labels = rng.integers(0, COVERS, TILES, dtype=np.uint8)
    along = np.arange(SIDE, dtype=np.float32)
    stripes = np.sin((0.3 + 0.2 * labels[:, None]) * along + rng.uniform(0, 6, (TILES, 1)))
    light = rng.uniform(0.5, 1.5, (TILES, BANDS, SIDE, 1)) * stripes[:, None, None, :]
    pixels = (128 + 40 * light + rng.normal(0, 12, light.shape)).clip(0, 255).astype(np.uint8)
    return zlib.compress(pixels.tobytes(), 1), labels.tobytes()


class Depot:
    """Hands out slabs, and surveys of them, by number; each link takes one question at a time."""

    def __init__(self, slabs: int, links: int, surveys: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        packed, covers = zip(*(make_slab(rng) for _ in range(slabs)), strict=True)
        fork = multiprocessing.get_context("fork")
        pipes = [fork.Pipe() for _ in range(links + surveys)]
        ours: list[Any] = [end for end, _ in pipes]
        self.links, self.surveys = ours[:links], ours[links:]
        ends = [(end, packed, SLAB_S) for _, end in pipes[:links]]
        ends += [(end, covers, SURVEY_S) for _, end in pipes[links:]]
        self.server = fork.Process(target=self.serve, args=(ends,), name="depot", daemon=True)
        self.server.start()

    def serve(self, ends: list[Any]) -> None:
        """Answer on all ends, for as long as the process lives."""
        for end in ends:
            threading.Thread(target=self.answer, args=end).start()

    def answer(self, end: Any, answers: tuple[bytes, ...], takes_s: float) -> None:
        """Answer on one end."""
        while True:
            number = end.recv()
            time.sleep(takes_s)
            end.send_bytes(answers[number])

    def close(self) -> None:
        """End the process."""
        self.server.kill()
        self.server.join()
