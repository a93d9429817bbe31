"""Epochs of training on birds."""

from __future__ import annotations

import argparse
from itertools import count
from typing import Any

import torch
from songs import SPECIES
from spectra import BANDS
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader

BIRDS, BATCH = 768, 32


def options() -> argparse.Namespace:
    """Return the options of a run."""
    parser = argparse.ArgumentParser(description="Name birds by their song")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Ear(nn.Module):
    """Convolutions over time; the loudest moment decides."""

    def __init__(self, wide: int = 64) -> None:
        super().__init__()
        self.along = nn.Sequential(
            nn.Conv1d(BANDS, wide, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(wide, wide, 5, padding=2),
            nn.ReLU(),
        )
        self.name = nn.Linear(wide, len(SPECIES))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return a score for each species."""
        names: torch.Tensor = self.name(self.along(features.transpose(1, 2)).amax(2))
        return names


class Course:
    """Trains epoch after epoch, until the steps are done."""

    def __init__(self, loader: DataLoader[Any], steps: int) -> None:
        self.loader = loader
        self.left = steps
        self.ear = Ear()
        self.optimizer = torch.optim.SGD(self.ear.parameters(), lr=0.02, momentum=0.9)
        self.criterion = nn.CrossEntropyLoss()
        self.loss = torch.zeros(())

    def learn(self, features: torch.Tensor, species: torch.Tensor) -> None:
        """Take one step."""
        watch.enter("compute")
        loss = self.criterion(self.ear(features), species)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.loss = loss.detach()
        self.left -= 1

    def epoch(self) -> None:
        """Hear every bird once."""
        watch.enter("data_loading")
        for batch in self.loader:
            self.learn(*batch)
            watch.step()
            if not self.left:
                break
            watch.enter("data_loading")

    def run(self) -> float:
        """Return the last loss."""
        for number in count(1):
            self.epoch()
            if not self.left:
                break
            if number % 5 == 0:
                watch.enter("logging_checkpoint")
                print(f"epoch {number}: loss {self.loss:.4f}", flush=True)
        return self.loss.item()
