"""Product photos and their departments, as a data set and a data module."""

from __future__ import annotations

from typing import Any

import torch
from bucket import Bucket
from torch.utils.data import DataLoader, Dataset, RandomSampler

EDGE, DEPARTMENTS = 40, 12

Sample = tuple[torch.Tensor, int]


class ProductPhotos(Dataset[Sample]):
    """Photos by their key in the bucket."""

    def __init__(self, bucket: Bucket, labels: dict[str, int]) -> None:
        self.bucket, self.labels = bucket, labels
        self.keys = sorted(labels)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Sample:
        key = self.keys[index]
        pixels = self.bucket.get(key)
        return pixels.float().div_(255), self.labels[key]


class ProductDataModule:
    """Makes the bucket, and from it the loader that training asks for."""

    def __init__(self, workers: int, seed: int, batch_size: int = 8) -> None:
        self.workers, self.seed, self.batch_size = workers, seed, batch_size

    def setup(self, count: int = 1500) -> None:
        """Fill the bucket."""
        draw = torch.Generator().manual_seed(self.seed)
        departments = torch.randint(0, DEPARTMENTS, (count,), generator=draw)
        palette = torch.randint(0, 160, (DEPARTMENTS, 3, 1, 1), generator=draw)
        grain = torch.randint(0, 95, (count, 3, EDGE, EDGE), generator=draw)
        pixels = (palette[departments] + grain).to(torch.uint8)
        keys = [f"catalogue/{number:06d}.raw" for number in range(count)]
        labels = dict(zip(keys, departments.tolist(), strict=True))
        self.photos = ProductPhotos(Bucket(dict(zip(keys, pixels, strict=True))), labels)

    @staticmethod
    def collate(samples: list[Sample]) -> tuple[torch.Tensor, list[int]]:
        """Return a batch of photos with their departments."""
        return torch.stack([photo for photo, _ in samples]), [department for _, department in samples]

    def train_dataloader(self, steps: int) -> DataLoader[Any]:
        """Return a loader of this many batches."""
        draw = torch.Generator().manual_seed(self.seed)
        wanted = steps * self.batch_size
        order = RandomSampler(self.photos, replacement=True, num_samples=wanted, generator=draw)
        how: dict[str, Any] = {"collate_fn": self.collate, "num_workers": self.workers}
        return DataLoader(self.photos, self.batch_size, sampler=order, **how)
