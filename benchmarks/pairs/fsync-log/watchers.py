"""Look at a model while it trains."""

from __future__ import annotations

import torch
from journal import MetricLogger
from stopwatch import watch
from torch import nn


class LayerWatcher:
    """Journals the norm of weight and gradient of each matrix."""

    def __init__(self, model: nn.Module, logger: MetricLogger, every: int) -> None:
        found = [(name, value) for name, value in model.named_parameters() if value.ndim > 1]
        self.names, self.weights = [name for name, _ in found], [value for _, value in found]
        self.logger, self.every = logger, every

    def see(self, step: int, loss: float) -> None:
        """Journal a step, where it is one of those to be journaled."""
        if step % self.every:
            return
        gradients = [value.grad for value in self.weights if value.grad is not None]
        sizes = torch.stack([value.detach().norm() for value in (*self.weights, *gradients)]).tolist()
        before = watch.enter("logging_checkpoint")
        self.logger.log(step, "model", loss=loss)
        half = len(self.weights)
        for name, weight, gradient in zip(self.names, sizes[:half], sizes[half:], strict=True):
            self.logger.log(step, name, weight=weight, gradient=gradient)
        watch.enter(before)
