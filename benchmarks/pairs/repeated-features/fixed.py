"""The fixed twin: features are computed once, before the first epoch, and leave nothing to do in workers."""

from __future__ import annotations

import torch
from aviary import Aviary
from listening import BATCH, BIRDS, Course, options
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset


def main() -> None:
    """Train, and print the final loss."""
    asked = options()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    aviary = Aviary(BIRDS, asked.seed)
    features = torch.stack([aviary.describe(index) for index in range(BIRDS)])
    birds = TensorDataset(features, torch.from_numpy(aviary.species))
    order = BatchSampler(RandomSampler(birds), BATCH, drop_last=True)
    loader = DataLoader(birds, batch_size=None, sampler=order)
    print(f"final loss {Course(loader, asked.steps).run():.4f}")


if __name__ == "__main__":
    main()
