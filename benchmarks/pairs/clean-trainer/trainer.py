"""A trainer that tells its callbacks what happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from stopwatch import watch
from torch import nn

Batch = tuple[torch.Tensor, torch.Tensor]


class Callback:
    """Is told of each step and each evaluation; does nothing with it unless a subclass does."""

    def on_start(self, trainer: Trainer) -> None:
        """Training is about to begin."""

    def on_step(self, trainer: Trainer) -> None:
        """A step was taken."""

    def on_evaluation(self, trainer: Trainer, score: float) -> None:
        """The model was evaluated."""

    def on_end(self) -> None:
        """Training ended, by itself or by an error."""


class Trainer:
    """Trains a model, and evaluates it now and then."""

    def __init__(self, model: nn.Module, held_out: Sequence[Batch], callbacks: Sequence[Callback]) -> None:
        self.model, self.held_out, self.callbacks = model, held_out, callbacks
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        self.criterion = nn.MSELoss()
        self.step, self.loss = 0, torch.zeros(())

    def fit(self, batches: Iterator[Batch], steps: int, evaluate_every: int) -> float:
        """Return the last loss after so many steps."""
        for callback in self.callbacks:
            callback.on_start(self)
        try:
            while self.step < steps:
                watch.enter("data_loading")
                batch = next(batches)
                watch.enter("compute")
                self.training_step(batch)
                watch.enter("host_work")
                for callback in self.callbacks:
                    callback.on_step(self)
                if self.step % evaluate_every == 0:
                    self.report(self.evaluate())
                watch.step()
        finally:
            for callback in self.callbacks:
                callback.on_end()
        return self.loss.item()

    def training_step(self, batch: Batch) -> None:
        """Update the weights once."""
        windows, health = batch
        self.loss = self.criterion(self.model(windows), health)
        self.optimizer.zero_grad()
        self.loss.backward()
        self.optimizer.step()
        self.step += 1

    @torch.inference_mode()
    def evaluate(self) -> float:
        """Return the mean loss on what was held out."""
        before = watch.enter("compute")
        self.model.eval()
        losses = [self.criterion(self.model(windows), health) for windows, health in self.held_out]
        self.model.train()
        score = torch.stack(losses).mean().item()
        watch.enter(before)
        return score

    def report(self, score: float) -> None:
        """Tell the callbacks of an evaluation."""
        for callback in self.callbacks:
            callback.on_evaluation(self, score)
