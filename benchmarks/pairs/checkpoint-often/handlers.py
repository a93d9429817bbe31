"""What is done at the engine's events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from stopwatch import watch

if TYPE_CHECKING:
    from engine import Engine


def say_loss(engine: Engine) -> None:
    """Print the loss now and then."""
    if engine.step % 100 == 0:
        before = watch.enter("logging_checkpoint")
        print(f"step {engine.step}: loss {engine.loss:.4f}", flush=True)
        watch.enter(before)


class KeepLatest:
    """Keeps the latest state in a file that is complete at all times."""

    def __init__(self, folder: Path, every: int) -> None:
        self.path, self.every = folder / "latest.pt", every

    def __call__(self, engine: Engine) -> None:
        """Save, where it is time to."""
        if engine.step % self.every == 0:
            before = watch.enter("logging_checkpoint")
            self.write(engine)
            watch.enter(before)

    def write(self, engine: Engine) -> None:
        """Write beside the last state, then put the new one in its place."""
        state = {
            "step": engine.step,
            "model": engine.model.state_dict(),
            "optimizer": engine.optimizer.state_dict(),
        }
        new = self.path.with_suffix(".new")
        torch.save(state, new)  # PLANTED
        new.replace(self.path)
