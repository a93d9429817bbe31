"""Track a square through footage: network, trainer and command line."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from footage import SMALL, film
from stopwatch import watch
from torch import nn

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]
Feed = Callable[[Path, np.ndarray, int], Batches]
FRAMES, AT_ONCE = 160, 40


class Tracker(nn.Module):
    """Looks at a small frame, and says where the square is."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
        )
        self.place = nn.Sequential(
            nn.Linear(32 * SMALL[0] * SMALL[1] // 4, 96), nn.ReLU(), nn.Linear(96, 2), nn.Sigmoid()
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return x and y."""
        seen = self.look(frames.unsqueeze(1))
        places: torch.Tensor = self.place(seen.flatten(1))
        return places


class Trainer:
    """Takes steps until the feed ends."""

    def __init__(self) -> None:
        self.model = Tracker()
        self.optimizer = torch.optim.RMSprop(self.model.parameters(), lr=2e-4)
        self.criterion = nn.MSELoss()
        self.step = 0

    def fit(self, feed: Batches) -> float:
        """Return the last loss."""
        loss = torch.zeros(())
        watch.enter("data_loading")
        for frames, places in feed:
            loss = self.train_step(frames, places)
            self.after_step(loss)
            watch.step()
            watch.enter("data_loading")
        return loss.item()

    def train_step(self, frames: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return the loss of one step."""
        watch.enter("compute")
        # Notes of places are rough: the loss keeps above zero.
        loss = self.criterion(self.model(frames), places + 0.05 * torch.randn_like(places))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        last: torch.Tensor = loss.detach()
        return last

    def after_step(self, loss: torch.Tensor) -> None:
        """Count, and report from time to time."""
        watch.enter("host_work")
        self.step += 1
        if self.step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {self.step}: off by {loss.item() ** 0.5:.3f}", flush=True)


def run(feed: Feed) -> None:
    """Film, train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Track a square")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="unused: the feed is a generator")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "footage.gray")
        places = film(path, FRAMES, options.seed)
        loss = Trainer().fit(feed(path, places, options.steps))
    print(f"final loss {loss:.4f}")
