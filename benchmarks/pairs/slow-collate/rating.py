"""Rate reviews: the model, and a run of training as one object."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import torch
from padding import NOTHING, to_page
from reviews import WORDS, Review
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler


class Rater(nn.Module):
    """Reads a few words at a time and remembers the strongest impressions."""

    def __init__(self, size: int = 16, width: int = 24) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, size, padding_idx=NOTHING)
        self.read = nn.Conv1d(size, width, 5, stride=4, padding=2)
        self.think = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.rate = nn.Linear(width, 1)

    def forward(self, pages: torch.Tensor) -> torch.Tensor:
        """Return the stars of each review."""
        read = torch.relu(self.read(self.words(pages).transpose(1, 2)))
        stars: torch.Tensor = self.rate(torch.relu(self.think(read)).amax(dim=2))
        return stars.squeeze(1)


def collate(reviews: list[Review]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a batch of reviews as two tensors."""
    page = to_page([words for words, _ in reviews])
    return torch.from_numpy(page), torch.tensor([stars for _, stars in reviews])


def parse() -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description="Guess the stars of a review")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


@dataclass
class Training:
    """One run: what it reads, what it learns, and how far it is."""

    data: Any
    collate: Any
    options: argparse.Namespace
    last: float = 0.0

    def __post_init__(self) -> None:
        torch.manual_seed(self.options.seed)
        torch.set_num_threads(1)
        self.model, self.criterion = Rater(), nn.SmoothL1Loss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.02, momentum=0.9)

    def loader(self, size: int = 64) -> DataLoader[Any]:
        """Return a loader of all batches of the run."""
        wanted, workers = self.options.steps * size, self.options.workers
        draw = torch.Generator().manual_seed(self.options.seed)
        order = RandomSampler(self.data, replacement=True, num_samples=wanted, generator=draw)
        return DataLoader(self.data, size, sampler=order, collate_fn=self.collate, num_workers=workers)

    def run(self) -> float:
        """Return the last loss."""
        watch.enter("data_loading")
        for pages, stars in self.loader():
            watch.enter("compute")
            loss = self.criterion(self.model(pages), stars)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
            self.optimizer.step()
            self.last = loss.item()
            watch.step()
            watch.enter("data_loading")
        return self.last
