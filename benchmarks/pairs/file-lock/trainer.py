"""A trainer with hooks, and the network that it trains to outline organs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import lockwaits
import torch
from stopwatch import watch
from stream import Batch
from torch import nn

Hook = Callable[["Trainer"], None]


class Outliner(nn.Module):
    """Goes down once and up again, with a bridge between."""

    def __init__(self, wide: int = 14) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(1, wide, 5, stride=2, padding=2), nn.ReLU())
        self.down = nn.Sequential(nn.Conv2d(wide, 2 * wide, 3, stride=2, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(2 * wide, wide, 2, stride=2)
        self.leave = nn.ConvTranspose2d(2 * wide, 1, 2, stride=2)

    def forward(self, density: torch.Tensor) -> torch.Tensor:
        """Return a logit for each point."""
        first = self.enter(density)
        second = torch.relu(self.up(self.down(first)))
        logits: torch.Tensor = self.leave(torch.cat((first, second), dim=1))
        return logits


class Trainer:
    """Runs the loop, and its hooks after each step."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        self.criterion = nn.BCEWithLogitsLoss()
        self.hooks: list[tuple[int, Hook]] = []
        self.steps, self.loss = 0, float("nan")

    def every(self, steps: int, hook: Hook) -> None:
        """Call a hook after each so many steps."""
        self.hooks.append((steps, hook))

    def run(self, batches: Iterable[Batch]) -> None:
        """Train on all batches."""
        watch.enter("data_loading")
        since = time.perf_counter_ns()
        for density, mask, waits in batches:
            lockwaits.charge(waits, since)
            watch.enter("compute")
            logits = self.model((torch.from_numpy(density).float() - 100) / 32)
            loss = self.criterion(logits, torch.from_numpy(mask).float())
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.loss = loss.item()
            watch.enter("host_work")
            self.end_step()
            watch.step()
            watch.enter("data_loading")
            since = time.perf_counter_ns()

    def end_step(self) -> None:
        """Count the step and call the hooks that are due."""
        self.steps += 1
        for steps, hook in self.hooks:
            if self.steps % steps == 0:
                hook(self)


def tell(trainer: Trainer) -> None:
    """Print how far training is."""
    before = watch.enter("logging_checkpoint")
    print(f"[{trainer.steps}] loss={trainer.loss:.4f}", flush=True)
    watch.enter(before)
