"""Train a command recogniser while one worker makes the next batches."""

from __future__ import annotations

import argparse

import torch
from clips import BANDS, COMMANDS, Batch, load
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader


class Recogniser(nn.Module):
    """Convolutions over bands and time, then an average over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ear = nn.Sequential(
            nn.Conv2d(1, width, (8, 5), stride=(4, 2), padding=(2, 2)),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.name = nn.Linear(2 * width * (BANDS // 8), COMMANDS)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Return a score for each command."""
        scores: torch.Tensor = self.name(self.ear(clips).mean(3).flatten(1))
        return scores


class Run:
    """One training run, counted in steps over as many epochs as they take."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.steps = options.steps
        self.model = Recogniser(34)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-3, fused=True)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.step = 0
        self.loss = torch.zeros(())

    def update(self, batch: Batch) -> None:
        """Take one step."""
        clips, commands = map(torch.from_numpy, batch)
        self.loss = self.criterion(self.model(clips), commands)
        self.optimizer.zero_grad()
        self.loss.backward()
        self.optimizer.step()
        self.step += 1

    def epoch(self, loader: DataLoader[Batch], number: int) -> None:
        """Take the steps of an epoch, or those that are left."""
        total = torch.zeros(())
        watch.enter("data_loading")
        for batch in loader:
            watch.enter("compute")
            self.update(batch)
            total += self.loss.detach()
            watch.step()
            if self.step == self.steps:
                break
            watch.enter("data_loading")
        watch.enter("logging_checkpoint")
        print(f"epoch {number}: mean loss {total.item() / len(loader):.4f}", flush=True)


def main() -> None:
    """Train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Recognise spoken commands")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    loader = load(2560, options.batch_size, options.workers, options.seed)
    run, number = Run(options), 0
    while run.step < run.steps:
        number += 1
        run.epoch(loader, number)
    print(f"final loss {run.loss.item():.4f}")


if __name__ == "__main__":
    main()
