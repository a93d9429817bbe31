"""Studies of CT slices in a folder, with an index that says where each lies and how often it was read."""

from __future__ import annotations

import fcntl
import json
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import lockwaits
import numpy as np
from stopwatch import watch

SIDE, SLICES = 48, 12
ARCHIVE_BYTES_PER_S, READERS_S = 1.22e6, 0.002
"""What the archive brings, and how soon the readers' server answers; the folder is on a local disk here."""


def write_studies(folder: Path, count: int, seed: int) -> None:
    """Write compressed studies: round organs of some density in soft tissue, and a mask of where they are."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    index = {}
    for number in range(count):
        middle = rng.uniform(12, SIDE - 12, (2, SLICES, 1, 1))
        radius = rng.uniform(5, 10, (SLICES, 1, 1))
        mask = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < radius**2
        density = (40 * mask + rng.normal(100, 20, mask.shape)).clip(0, 255).astype(np.uint8)
        file = f"study{number:03d}.z"
        (folder / file).write_bytes(zlib.compress(density.tobytes(), 1))
        (folder / f"mask{number:03d}.bits").write_bytes(np.packbits(mask).tobytes())
        index[str(number)] = {"file": file, "bytes": (folder / file).stat().st_size, "reads": 0}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


class Studies:
    """Reads studies for one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waits: lockwaits.Spans = []

    @contextmanager
    def index(self) -> Iterator[IO[str]]:
        """Open the index for this process alone."""
        with (self.folder / "index.json").open("r+", encoding="utf-8") as index:
            asked = time.perf_counter_ns()
            fcntl.flock(index, fcntl.LOCK_EX)
            if watch.out is not None:
                self.waits.append((asked, time.perf_counter_ns()))
            yield index

    def read(self, number: int) -> bytes:
        """Return a study as it is stored."""
        with self.index() as index:
            entry = json.load(index)[str(number)]
            time.sleep(entry["bytes"] / ARCHIVE_BYTES_PER_S)  # PLANTED
            return self.folder.joinpath(entry["file"]).read_bytes()

    def mask(self, number: int) -> np.ndarray:
        """Return what the readers have outlined."""
        time.sleep(READERS_S)
        bits = np.frombuffer((self.folder / f"mask{number:03d}.bits").read_bytes(), dtype=np.uint8)
        return np.unpackbits(bits).reshape(SLICES, 1, SIDE, SIDE)

    def count_read(self, number: int) -> None:
        """Note in the index that a study was read."""
        with self.index() as index:
            entries = json.load(index)
            entries[str(number)]["reads"] += 1
            index.seek(0)
            json.dump(entries, index)
            index.truncate()
