"""Parts of a catalogue of spectra on disk: some as arrays, some as the text that the telescope sends."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PARTS, ROWS, CHANNELS, KINDS = 4, 500, 160, 3


def write_parts(folder: Path, seed: int, first_text: int) -> None:
    """Write all parts: a row is a spectrum, and what kind of thing it is of."""
    draw = np.random.default_rng(seed)
    lines = draw.normal(size=(KINDS, CHANNELS))
    for number in range(PARTS):
        kinds = draw.integers(0, KINDS, ROWS)
        spectra = lines[kinds] + draw.normal(0, 4, (ROWS, CHANNELS))
        rows = np.column_stack([spectra, kinds]).astype(np.float32)
        if number >= first_text:
            np.savetxt(folder / f"part-{number}.csv", rows, fmt="%.5f", delimiter=",")
        else:
            np.save(folder / f"part-{number}.npy", rows)


class ArrayPart:
    """A part that is an array."""

    def __init__(self, path: Path) -> None:
        self.rows: np.ndarray = np.load(path)

    def take(self, chosen: list[int]) -> np.ndarray:
        """Return some rows."""
        found: np.ndarray = self.rows[chosen]
        return found


class TextPart:
    """A part that is lines of numbers."""

    def __init__(self, path: Path) -> None:
        self.lines = path.read_text(encoding="ascii").splitlines()

    def take(self, chosen: list[int]) -> np.ndarray:
        """Return some rows."""
        lines = [self.lines[row] for row in chosen]
        return np.loadtxt(lines, dtype=np.float32, delimiter=",")  # PLANTED


def open_share(folder: Path, rank: int, ranks: int) -> list[ArrayPart | TextPart]:
    """Return a rank's share of the parts: a run of them, so that its disk reads on."""
    paths = sorted(folder.glob("part-*"))
    size = len(paths) // ranks
    return [
        TextPart(path) if path.suffix == ".csv" else ArrayPart(path)
        for path in paths[rank * size : (rank + 1) * size]
    ]
