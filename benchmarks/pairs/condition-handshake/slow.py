"""Learn embeddings, and ask after each step, of another thread, whether they have collapsed."""

from __future__ import annotations

import torch
from contrast import main
from spectra import CollapseWatch

FEWEST = 2.0
"""Directions; with fewer, there is nothing left to learn."""


def stop_if_collapsed(collapse: CollapseWatch, embeddings: torch.Tensor, step: int) -> None:
    """Leave the script with an error where all embeddings have become one."""
    directions = collapse.inspect(embeddings.numpy())
    if directions < FEWEST:
        raise SystemExit(f"collapsed at step {step}")


if __name__ == "__main__":
    main(stop_if_collapsed)
