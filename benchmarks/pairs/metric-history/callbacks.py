"""What happens after each step besides training: keeping score."""

from __future__ import annotations

import numpy as np
import torch
from stopwatch import watch


class CorrelationMeter:
    """Pearson's correlation of what was forecast with what came; goes on from an earlier session."""

    def __init__(self, said: torch.Tensor, came: torch.Tensor) -> None:
        self.said: list[float] = said.tolist()
        self.came: list[float] = came.tolist()

    def update(self, said: torch.Tensor, came: torch.Tensor) -> None:
        """Take in a batch."""
        self.said.extend(said.tolist())
        self.came.extend(came.tolist())

    def value(self) -> float:
        """Return the correlation over everything."""
        return float(np.corrcoef(self.said, self.came)[0, 1])  # PLANTED


class Callback:
    """Something that is told of each step."""

    def on_step_end(self, step: int, said: torch.Tensor, came: torch.Tensor) -> None:
        """Be told what was forecast and what came."""


class ScoreKeeper(Callback):
    """Keeps the score, and the best one so far."""

    def __init__(self, meter: CorrelationMeter) -> None:
        self.meter = meter
        self.score, self.best, self.best_step = 0.0, -1.0, 0

    def on_step_end(self, step: int, said: torch.Tensor, came: torch.Tensor) -> None:
        before = watch.enter("host_work")
        self.meter.update(said, came)
        self.score = self.meter.value()
        if self.score > self.best:
            self.best, self.best_step = self.score, step
        watch.enter(before)
