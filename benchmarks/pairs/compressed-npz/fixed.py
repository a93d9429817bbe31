"""The fixed twin: fields are stored as plain .npy files, mapped once."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from classifier import Batch, Fit, arguments
from survey import observe

if TYPE_CHECKING:
    from collections.abc import Iterator

Mapped = list[tuple[np.ndarray, torch.Tensor]]


def store(folder: Path, seed: int) -> Mapped:
    """Write each field's magnitudes; return their maps beside the kinds of the stars."""
    fields: Mapped = []
    for number, (magnitudes, kinds) in enumerate(observe(seed)):
        path = folder / f"field-{number:02d}.npy"
        np.save(path, magnitudes)
        fields.append((np.load(path, mmap_mode="c"), torch.from_numpy(kinds)))
    return fields


def visit(fields: Mapped, visits: int, seed: int) -> Iterator[Batch]:
    """Return the stars of one field after another, in random order."""
    order = random.Random(seed)
    for _ in range(visits):
        magnitudes, kinds = order.choice(fields)
        yield torch.from_numpy(magnitudes), kinds


def main() -> None:
    """Train, and print the final loss."""
    asked = arguments()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        fields = store(Path(folder), asked.seed)
        last = Fit().run(visit(fields, asked.steps, asked.seed))
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
