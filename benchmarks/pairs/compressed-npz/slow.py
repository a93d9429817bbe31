"""Tell variable stars apart, reading each batch from a compressed .npz archive."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from classifier import Batch, Fit, arguments
from survey import archive, read_field

if TYPE_CHECKING:
    from collections.abc import Iterator


def visit(paths: list[Path], visits: int, seed: int) -> Iterator[Batch]:
    """Return the stars of one field after another, in random order."""
    order = random.Random(seed)
    for _ in range(visits):
        magnitudes, kinds = read_field(order.choice(paths))
        yield torch.from_numpy(magnitudes), torch.from_numpy(kinds)


def main() -> None:
    """Train, and print the final loss."""
    asked = arguments()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = archive(Path(folder), asked.seed)
        last = Fit().run(visit(paths, asked.steps, asked.seed))
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
