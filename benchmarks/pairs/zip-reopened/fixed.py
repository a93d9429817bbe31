"""The fixed twin: each worker opens the zip once, and reads a strip's tiles together."""

from __future__ import annotations

import json
import tempfile
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bundle import LABELS, SHAPE, TILES, make_bundle, name_of, read_member
from cover import CoverModule, cli, fit
from tiles import StripSampler
from torch.utils.data import DataLoader, Dataset

Batch = tuple[np.ndarray, list[int]]


class StripSet(Dataset[Batch]):
    """Whole strips of a bundle that stays open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.labels: list[list[int]] = json.loads(read_member(path, LABELS))

    @cached_property
    def bundle(self) -> zipfile.ZipFile:
        """The bundle, opened in the process that reads it."""
        return zipfile.ZipFile(self.path)

    def __getitem__(self, indices: list[int]) -> Batch:
        strips = [index // TILES for index in indices[::TILES]]
        raw = bytearray().join(self.bundle.read(name_of(strip)) for strip in strips)
        covers = [cover for strip in strips for cover in self.labels[strip]]
        return np.frombuffer(raw, dtype=np.uint8).reshape(-1, *SHAPE), covers


def keep(batch: Any) -> Any:
    """Return the batch as it is."""
    return batch


def main() -> None:
    """Train, and print the final loss."""
    asked = cli()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tiles.zip")
        make_bundle(path, asked.seed)
        sampler = StripSampler(asked.steps, asked.strips, asked.seed)
        loader = DataLoader(
            StripSet(path), batch_size=None, sampler=sampler, num_workers=asked.workers, collate_fn=keep
        )
        last = fit(CoverModule(), loader)
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
