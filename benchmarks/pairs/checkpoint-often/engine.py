"""Runs updates, and calls those who asked for an event."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable

import torch
from baskets import draw_baskets
from stopwatch import watch
from torch import nn

Handler = Callable[["Engine"], None]


class Engine:
    """A run: model, optimizer, and where it stands."""

    def __init__(self, model: nn.Module, options: argparse.Namespace) -> None:
        self.model, self.options = model, options
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        self.criterion = nn.BCEWithLogitsLoss()
        self.handlers: defaultdict[str, list[Handler]] = defaultdict(list)
        self.step, self.loss = 0, 0.0

    def on(self, event: str, handler: Handler) -> None:
        """Have a handler called at an event."""
        self.handlers[event].append(handler)

    def fire(self, event: str) -> None:
        """Call the handlers of an event."""
        for handler in self.handlers[event]:
            handler(self)

    def update(self, seen: torch.Tensor, whole: torch.Tensor) -> None:
        """Update the model once."""
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(seen), whole)
        loss.backward()
        self.optimizer.step()
        self.loss = loss.item()

    def run(self) -> float:
        """Return the last loss."""
        watch.enter("data_loading")
        for seen, whole in draw_baskets(self.options):
            watch.enter("compute")
            self.update(seen, whole)
            watch.enter("host_work")
            self.step += 1
            self.fire("step_done")
            watch.step()
            watch.enter("data_loading")
        return self.loss
