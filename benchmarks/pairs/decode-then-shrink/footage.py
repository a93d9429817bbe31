"""Footage of a fixed camera: full frames as it writes them, and the small ones that a network takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HEIGHT, WIDTH, SHRINK = 240, 320, 10
SMALL = (HEIGHT // SHRINK, WIDTH // SHRINK)


def film(path: Path, frames: int, seed: int) -> np.ndarray:
    """Write frames of a square that crosses the scene; return where it was, from 0 to 1."""
    rng = np.random.default_rng(seed)
    places = rng.random((frames, 2), dtype=np.float32)
    scene = rng.integers(60, 180, (HEIGHT, WIDTH), dtype=np.uint8)
    written = np.memmap(path, dtype=np.uint8, mode="w+", shape=(frames, HEIGHT, WIDTH))
    for frame, (x, y) in zip(written, places, strict=True):
        frame[...] = np.roll(scene, int(x * 50), axis=1)
        top, left = int(y * (HEIGHT - 40)), int(x * (WIDTH - 40))
        frame[top : top + 40, left : left + 40] = 230
    written.flush()
    return places


class Recorder:
    """Reads single frames of a file of footage."""

    def __init__(self, path: Path) -> None:
        self.frames = np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, HEIGHT, WIDTH)
        self.dark = np.full((HEIGHT, WIDTH), 12, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.frames)

    def full(self, number: int) -> np.ndarray:
        """Return a frame as the camera saw it: it hangs upside down, and its sensor is never quite dark."""
        return np.subtract(self.frames[number, ::-1, ::-1], self.dark, dtype=np.float32)

    def thumbnail(self, number: int) -> np.ndarray:
        """Return a frame at the size that the network takes."""
        return shrink(self.full(number))


def shrink(frame: np.ndarray) -> np.ndarray:
    """Return a frame made smaller, each pixel the mean of the ones it covers."""
    rows, columns = SMALL
    boxes = frame.reshape(rows, SHRINK, columns, SHRINK)
    small: np.ndarray = boxes.mean(axis=(1, 3), dtype=np.float32)  # PLANTED
    return small / 255
