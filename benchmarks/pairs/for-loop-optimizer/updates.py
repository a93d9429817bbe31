"""How parameters are updated: Adam with a warm-up and a cosine decay of the learning rate."""

from __future__ import annotations

import argparse
import math

import torch

WARM_UP = 50


class Updater:
    """Owns the optimizer, and sets its learning rate before each update."""

    def __init__(self, parameters: list[torch.nn.Parameter], options: argparse.Namespace) -> None:
        self.peak, self.total = 3e-4, options.steps
        self.optimizer = self.choose(parameters)
        self.updates = 0

    def choose(self, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer."""
        return torch.optim.Adam(parameters, lr=self.peak, betas=(0.9, 0.98), foreach=False)

    def rate(self) -> float:
        """Return the learning rate of the next update."""
        if self.updates < WARM_UP:
            return self.peak * (self.updates + 1) / WARM_UP
        return self.peak * (0.55 + 0.45 * math.cos(math.pi * min(1.0, self.updates / self.total)))

    def apply(self) -> None:
        """Update all parameters by their gradients, and drop these."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.step()  # PLANTED
        self.optimizer.zero_grad(set_to_none=True)
        self.updates += 1
