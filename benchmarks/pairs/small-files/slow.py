"""Forecast river levels from one small file a gauge and day, each opened and read for each sample."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from forecast import DAYS, GAUGES, RECORDED, fit, options
from logs import read_stretch, simulate, upload
from torch.utils.data import DataLoader, Dataset, RandomSampler


class Weeks(Dataset[torch.Tensor]):
    """Every stretch of a week and a day that some gauge has recorded."""

    def __init__(self, book: list[list[Path]]) -> None:
        self.book = book
        self.starts = len(book[0]) - DAYS

    def __len__(self) -> int:
        return len(self.book) * self.starts

    def __getitem__(self, index: int) -> torch.Tensor:
        gauge, start = divmod(index, self.starts)
        return torch.from_numpy(read_stretch(self.book[gauge][start : start + DAYS + 1]))


def main() -> None:
    """Train, and print the final loss."""
    asked = options()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        weeks = Weeks(upload(simulate(GAUGES, RECORDED, asked.seed), Path(folder)))
        draws = RandomSampler(weeks, replacement=True, num_samples=asked.steps * asked.batch_size)
        loader = DataLoader(weeks, batch_size=asked.batch_size, sampler=draws, num_workers=asked.workers)
        last = fit(loader, asked.hidden)
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
