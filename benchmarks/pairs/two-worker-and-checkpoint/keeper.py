"""Keep what is needed to go on after a failure."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import torch
from stopwatch import watch
from torch import nn


class Keeper:
    """Saves the state of training every few steps, and keeps the last two files."""

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every
        self.kept: deque[Path] = deque()

    def after(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Save, where it is time."""
        if step % self.every == 0:
            before = watch.enter("logging_checkpoint")
            self.save(step, {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
            watch.enter(before)

    def save(self, step: int, state: dict[str, object]) -> None:
        """Write a file, and drop the oldest."""
        path = self.folder / f"step-{step:06d}.pt"
        torch.save(state | {"step": step}, path)  # PLANTED
        self.kept.append(path)
        if len(self.kept) > 2:
            self.kept.popleft().unlink()
