"""A bundle of land-cover tiles: one zip whose members each hold a strip of sixteen tiles and their labels."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

STRIPS, TILES, COVERS = 160, 16, 7
SHAPE = (3, 32, 32)
LABELS = "labels.json"


def name_of(strip: int) -> str:
    """Return the member that holds a strip."""
    return f"orbit-{strip // 20:02d}/strip-{strip:04d}.u8"


def make_bundle(path: Path, seed: int) -> None:
    """Write tiles whose colours tell the cover, roughly."""
    rng = np.random.default_rng(seed)
    colours = rng.uniform(70, 180, (COVERS, 3, 1, 1))
    labels = []
    with zipfile.ZipFile(path, "w") as bundle:
        for strip in range(STRIPS):
            covers = rng.integers(0, COVERS, TILES)
            grain = rng.normal(0, 35, (TILES, *SHAPE))
            tiles = np.clip(colours[covers] + grain, 0, 255).astype(np.uint8)
            bundle.writestr(name_of(strip), tiles.tobytes())
            labels.append(covers.tolist())
        bundle.writestr(LABELS, json.dumps(labels))


def read_member(path: Path, name: str) -> bytes:
    """Return one member's bytes."""
    with zipfile.ZipFile(path) as bundle:  # PLANTED
        return bundle.read(name)


def to_tiles(raw: bytes) -> np.ndarray:
    """Return a strip's bytes as its tiles."""
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, *SHAPE)
