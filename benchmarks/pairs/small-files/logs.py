"""The gauges' logs: a small file for each gauge and day, the way the loggers upload them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

READINGS = 96
"""A reading each quarter of an hour."""


def simulate(gauges: int, days: int, seed: int) -> np.ndarray:
    """Return water levels in metres: tides, floods that ebb slowly, and noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(days * READINGS, dtype=np.float32) / READINGS
    tide = np.sin(2 * np.pi * (1.93 * time + rng.random((gauges, 1))))
    flood = np.cumsum(rng.normal(0, 0.04, (gauges, len(time))), axis=1)
    levels: np.ndarray = tide + flood - flood.mean(axis=1, keepdims=True)
    return levels.astype(np.float32)


def upload(levels: np.ndarray, folder: Path) -> list[list[Path]]:
    """Write each gauge's days into its own folder; return the files by gauge and day."""
    book: list[list[Path]] = []
    for number, gauge in enumerate(levels):
        home = folder / f"gauge-{number:03d}"
        home.mkdir()
        book.append([home / f"day-{day:03d}.f32" for day in range(len(gauge) // READINGS)])
        for path, readings in zip(book[-1], gauge.reshape(-1, READINGS), strict=True):
            path.write_bytes(readings.tobytes())
    return book


def read_day(path: Path) -> np.ndarray:
    """Return one day of one gauge."""
    raw = path.read_bytes()  # PLANTED
    return np.frombuffer(raw, dtype=np.float32)


def read_stretch(paths: list[Path]) -> np.ndarray:
    """Return some days in a row as one series."""
    return np.concatenate([read_day(path) for path in paths])
