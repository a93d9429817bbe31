"""The fixed twin: frames are shrunk once, and kept small in a mapped file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from footage import SMALL, Recorder
from tracker import AT_ONCE, Batches, run


def keep_small(path: Path) -> np.ndarray:
    """Return a map of the frames at the size that the network takes."""
    recorder = Recorder(path)
    small = np.memmap(path.with_suffix(".small"), np.float32, "w+", shape=(len(recorder), *SMALL))
    for number in range(len(recorder)):
        small[number] = recorder.thumbnail(number)
    return small


def draw(small: np.ndarray, places: np.ndarray, steps: int) -> Batches:
    """Return batches of frames drawn at random."""
    rng = np.random.default_rng(1)
    for _ in range(steps):
        chosen = rng.integers(0, len(small), AT_ONCE)
        yield torch.from_numpy(np.asarray(small[chosen])), torch.from_numpy(places[chosen])


def feed(path: Path, places: np.ndarray, steps: int) -> Batches:
    """Shrink all frames; return batches of them."""
    return draw(keep_small(path), places, steps)


if __name__ == "__main__":
    run(feed)
