"""Track a square through footage whose full frames are shrunk each time they are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from footage import Recorder
from tracker import AT_ONCE, Batches, run


def feed(path: Path, places: np.ndarray, steps: int) -> Batches:
    """Return batches of frames drawn at random."""
    recorder, rng = Recorder(path), np.random.default_rng(1)
    for _ in range(steps):
        chosen = rng.integers(0, len(recorder), AT_ONCE)
        frames = np.stack([recorder.thumbnail(number) for number in chosen])
        yield torch.from_numpy(frames), torch.from_numpy(places[chosen])


if __name__ == "__main__":
    run(feed)
