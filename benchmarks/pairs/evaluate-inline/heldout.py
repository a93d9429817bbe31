"""Tickets held out, and when to look at them."""

from __future__ import annotations

import torch
from stopwatch import watch
from tickets import Tickets
from torch import nn

BATCH = 256


class HeldOut:
    """The last tickets of the set."""

    def __init__(self, tickets: Tickets, count: int) -> None:
        self.words, self.desks = tickets.words[-count:], tickets.desks[-count:]

    @torch.no_grad()
    def score(self, model: nn.Module) -> tuple[float, float]:
        """Return loss and accuracy."""
        model.eval()
        total, right = torch.zeros(()), torch.zeros(())
        for words, desks in zip(self.words.split(BATCH), self.desks.split(BATCH), strict=True):
            scores = model(words)  # PLANTED
            total += nn.functional.cross_entropy(scores, desks, reduction="sum")
            right += (scores.argmax(1) == desks).sum()
        model.train()
        return total.item() / len(self.desks), right.item() / len(self.desks)


class Monitor:
    """Looks at the tickets held out, and remembers the best; says when there is no hope of better."""

    def __init__(self, heldout: HeldOut, every: int, patience: int = 10_000) -> None:
        self.heldout, self.every, self.patience = heldout, every, patience
        self.best, self.best_step = float("inf"), 0

    def after_step(self, step: int, model: nn.Module) -> bool:
        """Return whether to go on."""
        if step % self.every:
            return True
        before = watch.enter("compute")
        loss, _ = self.heldout.score(model)
        watch.enter(before)
        if loss < self.best:
            self.best, self.best_step = loss, step
        return step - self.best_step < self.patience
