"""The network, and the loop that both sides share."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable

import torch
from beats import LEADS, RHYTHMS, SAMPLES
from stopwatch import watch
from torch import nn

Beats = Iterable[tuple[torch.Tensor, torch.Tensor]]


def parse(description: str) -> argparse.Namespace:
    """Return the options of one run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    return options


def build(width: int = 88) -> nn.Module:
    """Return a network that names the rhythm of a beat."""
    return nn.Sequential(
        nn.Conv1d(LEADS, width, 7, stride=2, padding=3),
        nn.ReLU(),
        nn.Conv1d(width, width, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * SAMPLES // 4, 128),
        nn.ReLU(),
        nn.Linear(128, RHYTHMS),
    )


class Session:
    """One training run, with its diary."""

    def __init__(self, diary: logging.Logger, every: int) -> None:
        self.diary, self.every = diary, every
        self.model, self.criterion = build(), nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.02, momentum=0.9)

    def note(self, step: int, loss: torch.Tensor) -> None:
        """Write down a step: its loss, and how large the gradient of each weight is."""
        before = watch.enter("logging_checkpoint")
        self.diary.info("step %d loss %.4f", step, loss.item())
        for name, weight in self.model.named_parameters():
            if weight.grad is not None:
                self.diary.info("step %d %s %.3e", step, name, weight.grad.abs().max().item())
        watch.enter(before)

    def run(self, batches: Beats) -> float:
        """Return the last loss after one pass over the batches."""
        loss = torch.zeros(())
        watch.enter("data_loading")
        for step, (beats, rhythms) in enumerate(batches, 1):
            watch.enter("compute")
            loss = self.criterion(self.model(beats), rhythms)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if step % self.every == 0:
                self.note(step, loss.detach())
            watch.step()
            watch.enter("data_loading")
        return loss.item()
