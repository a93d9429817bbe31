"""The trainer, and its plainest callback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from callbacks import Callback, ScoreKeeper
from demand import COLUMNS
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from demand import Demand


class Reporter(Callback):
    """Prints the score now and then."""

    def __init__(self, keeper: ScoreKeeper) -> None:
        self.keeper = keeper

    def on_step_end(self, step: int, _said: torch.Tensor, _came: torch.Tensor) -> None:
        if step % 100 == 0:
            before = watch.enter("logging_checkpoint")
            print(
                f"step {step}: correlation {self.keeper.score:.3f}, best {self.keeper.best:.3f}", flush=True
            )
            watch.enter(before)


class Trainer:
    """Fits a network to a table, and tells callbacks."""

    def __init__(self, demand: Demand, callbacks: Sequence[Callback]) -> None:
        self.demand, self.callbacks = demand, callbacks
        self.model = nn.Sequential(
            nn.Linear(COLUMNS, 384), nn.ReLU(), nn.Linear(384, 256), nn.ReLU(), nn.Linear(256, 1)
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=5e-4, fused=True)
        self.criterion = nn.HuberLoss()
        self.last = 0.0

    def fit(self, steps: int) -> float:
        """Return the last loss after as many steps."""
        watch.enter("data_loading")
        for step, (hours, rides) in enumerate(self.demand.batches(steps), 1):
            watch.enter("compute")
            said = self.training_step(hours, rides)
            watch.enter("host_work")
            for callback in self.callbacks:
                callback.on_step_end(step, said, rides)
            watch.step()
            watch.enter("data_loading")
        return self.last

    def training_step(self, hours: torch.Tensor, rides: torch.Tensor) -> torch.Tensor:
        """Return what the model said before it was updated."""
        said = self.model(hours).squeeze(1)
        loss = self.criterion(said, rides)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.last = loss.item()
        outcome: torch.Tensor = said.detach()
        return outcome
