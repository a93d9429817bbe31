"""Name the crop in scenes that are turned on the CPU, one by one, whenever they are drawn."""

from __future__ import annotations

import numpy as np
import torch
from compose import Compose, Flip, Gain, Rotate
from fields import survey
from network import parse, train
from torch.utils.data import DataLoader, Dataset, RandomSampler

Sample = tuple[np.ndarray, int]


class Scenes(Dataset[Sample]):
    """Scenes with the crop in them, augmented."""

    def __init__(self, count: int, seed: int) -> None:
        self.scenes, self.crops = survey(count, seed)
        self.augment = Compose([Flip(), Rotate(most=40), Gain()])
        self.dice = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, index: int) -> Sample:
        return self.augment(self.scenes[index], self.dice), int(self.crops[index])


def main() -> None:
    """Train, and print the final loss."""
    options = parse()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    scenes = Scenes(512, options.seed)
    draws = RandomSampler(scenes, replacement=True, num_samples=options.steps * options.batch)
    train(DataLoader(scenes, options.batch, sampler=draws, num_workers=options.workers), options)


if __name__ == "__main__":
    main()
