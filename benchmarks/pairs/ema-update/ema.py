"""A moving average of a model's weights and buffers: what is evaluated and shipped."""

from __future__ import annotations

from typing import Any

import torch
from stopwatch import watch
from torch import nn


class ModelEma:
    """Follows a model."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.shadow = {name: value.detach().clone().float() for name, value in model.state_dict().items()}
        self.updates = 0

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Update after each step of an optimizer."""
        optimizer.register_step_post_hook(self.after_step)

    def after_step(self, _optimizer: torch.optim.Optimizer, _args: Any, _kwargs: Any) -> None:
        """Be called by the optimizer."""
        before = watch.enter("compute")
        self.updates += 1
        self.update()
        watch.enter(before)

    @torch.no_grad()
    def update(self) -> None:
        """Move each average towards its weight; slower once there were enough updates."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in self.model.state_dict().items():
            self.shadow[name] = decay * self.shadow[name] + (1 - decay) * value.float()  # PLANTED

    def distance(self) -> float:
        """Return how far the weights are from their averages."""
        weights = self.model.named_parameters()
        gaps = [(value.detach() - self.shadow[name]).norm() for name, value in weights]
        return float(torch.stack(gaps).norm())
