"""A survey of variable stars, one archive of light curves for each field of the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIELDS, STARS, EPOCHS = 5, 48, 16384
KINDS = ("constant", "eclipsing", "cepheid", "flaring")

Field = tuple[np.ndarray, np.ndarray]


def observe(seed: int) -> Iterator[Field]:
    """Return each field's magnitudes, to a thousandth, and the kinds of its stars."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, EPOCHS, dtype=np.float32)
    for _ in range(FIELDS):
        kinds = rng.integers(0, len(KINDS), STARS)
        phase = time * rng.uniform(5, 25, (STARS, 1)).astype(np.float32) % 1
        light = np.zeros_like(phase)
        light[kinds == 1] = phase[kinds == 1] < 0.1
        light[kinds == 2] = phase[kinds == 2] - 0.5
        light[kinds == 3] = rng.random(phase[kinds == 3].shape) < 0.01
        light *= rng.uniform(0.2, 0.8, (STARS, 1)).astype(np.float32)
        light += 0.15 * rng.standard_normal(light.shape, dtype=np.float32)
        yield np.round(14 + light, 3), kinds


def archive(folder: Path, seed: int) -> list[Path]:
    """Write each field as one archive; return their paths."""
    paths = []
    for number, (magnitudes, kinds) in enumerate(observe(seed)):
        paths.append(folder / f"field-{number:02d}.npz")
        np.savez_compressed(paths[-1], magnitudes=magnitudes, kinds=kinds)
    return paths


def read_field(path: Path) -> Field:
    """Return what one archive holds."""
    with np.load(path) as stored:
        magnitudes = stored["magnitudes"]  # PLANTED
        kinds = stored["kinds"]
    return magnitudes, kinds
