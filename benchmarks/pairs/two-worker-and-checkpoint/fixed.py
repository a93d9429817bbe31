"""The fixed twin: slices are unpacked once, and training is saved every thousand steps."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from keeper import Keeper
from organs import learn, loader, options_of
from slices import Study, restore, window


class UnpackedStudy(Study):
    """Slices as one array, taken a batch at a time."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count, seed)
        self.slices = np.stack([window(restore(record)).numpy() for record in self.records])

    def __getitems__(self, numbers: list[int]) -> tuple[np.ndarray, np.ndarray]:
        return self.slices[numbers], self.organs[numbers]


def ready(batch: Any) -> Any:
    """Return a batch that needs no collating."""
    return batch


def main() -> None:
    """Train, and print the final loss."""
    options = options_of("Name organs in slices of a scanner")
    study = UnpackedStudy(160, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        last = learn(loader(study, options, collate_fn=ready), Keeper(Path(folder), every=1000))
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
