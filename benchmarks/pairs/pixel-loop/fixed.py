"""The fixed twin: the pixels of a whole batch are looked up by one index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from detector import expose
from mixer import Progress, loop, read_options
from preparation import Preparation, to_patches
from torch.utils.data import DataLoader, Dataset, RandomSampler

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class BatchPreparation(Preparation):
    """Turns raw frames into patches of contrast."""

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return one row for each patch of each frame."""
        dose = self.curve[frame]
        return to_patches(dose - dose[:, :1].mean(axis=-1, keepdims=True))


class CastingBatches(Dataset[Batch]):
    """Frames as the panel sends them, prepared a batch at a time."""

    def __init__(self, count: int, seed: int) -> None:
        self.frames, kinds = expose(count, seed)
        self.kinds = torch.from_numpy(kinds)
        self.prepare = BatchPreparation.for_panel(seed)

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitems__(self, batch: list[int]) -> Batch:
        return torch.from_numpy(self.prepare(self.frames[batch])), self.kinds[batch]


def main() -> None:
    """Train, and print the final loss."""
    options = read_options()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    castings = CastingBatches(2000, options.seed)
    wanted = options.steps * options.batch_size
    draws = RandomSampler(castings, replacement=True, num_samples=wanted)
    loader = DataLoader(
        castings, options.batch_size, sampler=draws, num_workers=options.workers, collate_fn=tuple
    )
    print(f"final loss {loop(loader, options.wide, Progress()):.4f}")


if __name__ == "__main__":
    main()
