"""Sort castings by X-rays whose pixels are looked up one at a time in Python."""

from __future__ import annotations

import numpy as np
import torch
from detector import expose
from mixer import Progress, loop, read_options
from preparation import Preparation
from torch.utils.data import DataLoader, Dataset, RandomSampler


class Castings(Dataset[tuple[np.ndarray, int]]):
    """Frames as the panel sends them, prepared when they are drawn."""

    def __init__(self, count: int, seed: int) -> None:
        self.frames, self.kinds = expose(count, seed)
        self.prepare = Preparation.for_panel(seed)

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.prepare(self.frames[index]), int(self.kinds[index])


def main() -> None:
    """Train, and print the final loss."""
    options = read_options()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    castings = Castings(2000, options.seed)
    wanted = options.steps * options.batch_size
    draws = RandomSampler(castings, replacement=True, num_samples=wanted)
    loader = DataLoader(castings, options.batch_size, sampler=draws, num_workers=options.workers)
    print(f"final loss {loop(loader, options.wide, Progress()):.4f}")


if __name__ == "__main__":
    main()
