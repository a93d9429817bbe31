"""Name birds by their song; the same features are computed again in every epoch."""

from __future__ import annotations

import torch
from aviary import Aviary
from listening import BATCH, BIRDS, Course, options
from torch.utils.data import DataLoader


def main() -> None:
    """Train, and print the final loss."""
    asked = options()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    loader = DataLoader(
        Aviary(BIRDS, asked.seed),
        batch_size=BATCH,
        shuffle=True,
        num_workers=asked.workers,
        persistent_workers=asked.workers > 0,
    )
    print(f"final loss {Course(loader, asked.steps).run():.4f}")


if __name__ == "__main__":
    main()
