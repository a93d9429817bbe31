"""Train a network that hears which bird sings."""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
import torch
from archive import BANDS, SPECIES, Archive
from batching import ByLength
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Songs(Dataset[Any]):
    """Recordings with the species heard in them."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        return self.archive.read(number), self.archive.species[number]


def together(heard: list[tuple[np.ndarray, int]]) -> tuple[np.ndarray, list[int]]:
    """Return a batch."""
    return np.stack([spectrum for spectrum, _ in heard]), [species for _, species in heard]


class Listener(nn.Module):
    """A recurrent network over the frames of a spectrum."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.ear = nn.Conv1d(BANDS, width, 5, padding=2)
        self.memory = nn.GRU(width, width, batch_first=True)
        self.answer = nn.Linear(width, SPECIES)

    def forward(self, spectra: torch.Tensor) -> Any:
        """Return the scores of each species."""
        frames = torch.relu(self.ear(spectra)).transpose(1, 2)
        return self.answer(self.memory(frames)[0].mean(dim=1))


def listen(batches: Any, steps: int) -> float:
    """Return the last loss."""
    model, criterion = Listener(), nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer, loss = torch.optim.RMSprop(model.parameters(), lr=5e-4), torch.zeros(())
    for _ in range(steps):
        watch.enter("data_loading")
        spectra, species = next(batches)
        watch.enter("compute")
        optimizer.zero_grad()
        loss = criterion(model(torch.from_numpy(spectra)), torch.tensor(species))
        loss.backward()
        optimizer.step()
        watch.step()
    return float(loss.detach())


def train(kind: type[ByLength]) -> None:
    """Train with batches of this kind, and print the final loss."""
    parser = argparse.ArgumentParser(description="Tell birds by their song")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    archive = Archive(800, 400, options.seed)
    how: Any = {"batch_sampler": kind(archive, options.seed), "num_workers": options.workers}
    batches = iter(DataLoader(Songs(archive), collate_fn=together, **how))
    print(f"final loss {listen(batches, options.steps):.4f}")
