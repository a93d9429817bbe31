"""The fixed twin: scenes are augmented ahead of time, and kept as ready batches."""

from __future__ import annotations

import numpy as np
import torch
from compose import Compose, Flip, Gain, Rotate
from fields import survey
from network import parse, train
from torch.utils.data import DataLoader, Dataset, RandomSampler

Batch = tuple[torch.Tensor, torch.Tensor]
READY = 24


class ReadyBatches(Dataset[Batch]):
    """Batches of scenes that were augmented before training began."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        scenes, crops = survey(count, seed)
        augment, dice = Compose([Flip(), Rotate(most=40), Gain()]), np.random.default_rng(seed)
        drawn = dice.integers(0, count, (READY, size))
        augmented = np.stack([augment(scenes[number], dice) for number in drawn.ravel()])
        self.scenes = torch.from_numpy(augmented.reshape(READY, size, *scenes.shape[1:]))
        self.crops = torch.from_numpy(crops[drawn])

    def __len__(self) -> int:
        return READY

    def __getitem__(self, index: int) -> Batch:
        return self.scenes[index], self.crops[index]


def main() -> None:
    """Train, and print the final loss."""
    options = parse()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    ready = ReadyBatches(512, options.batch, options.seed)
    draws = RandomSampler(ready, replacement=True, num_samples=options.steps)
    train(DataLoader(ready, batch_size=None, sampler=draws, num_workers=options.workers), options)


if __name__ == "__main__":
    main()
