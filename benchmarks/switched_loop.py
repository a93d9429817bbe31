"""Train a small network with the hooks of a profile on and off by turns, and note each step's CPU time.

python switched_loop.py OUT WIDTH BATCH TURN, profiled; TURN steps with hooks, TURN without, and so on.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.optim.optimizer as optimizers
from torch.utils.data import DataLoader
from torch.utils.data import dataloader as loaders
from torch.utils.data._utils import fetch as fetchers

from benchmarks.overhead_loop import step, training

FIRST = 60
"""Steps before the first turn without: the profile's warm-up."""
DATA_STEPS = 100
POINTS: tuple[tuple[Any, str], ...] = (
    (torch.autograd, "_engine_run_backward"),
    (torch.autograd.graph, "_engine_run_backward"),
    (loaders._BaseDataLoaderIter, "__next__"),  # noqa: SLF001
    (fetchers._MapDatasetFetcher, "fetch"),  # noqa: SLF001
    (torch.Tensor, "to"),
    (torch.autograd.profiler.record_function, "__enter__"),
    (torch.autograd.profiler.record_function, "__exit__"),
)
"""What a step of this loop calls of all that is patched; besides, the hooks of all optimizers."""
HOOKS: tuple[dict[int, Any], ...] = (
    optimizers._global_optimizer_pre_hooks,  # noqa: SLF001
    optimizers._global_optimizer_post_hooks,  # noqa: SLF001
)


class Switch:
    """Puts what was there before a profile in its place, and back."""

    def __init__(self) -> None:
        self.patched = [(owner, name, getattr(owner, name)) for owner, name in POINTS]
        self.hooks = [dict(hooks) for hooks in HOOKS]

    def turn(self, *, on: bool) -> None:
        """Switch all hooks on or off."""
        for owner, name, ours in self.patched:
            setattr(owner, name, ours if on else ours.__wrapped__)
        for hooks, ours in zip(HOOKS, self.hooks, strict=True):
            hooks.clear()
            if on:
                hooks.update(ours)


def main() -> None:
    """Train until the profile ends it; write (CPU ns, whether hooks were on, block) at each step's end."""
    out, (width, batch, turn) = Path(sys.argv[1]), map(int, sys.argv[2:5])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    model, optimizer, data = training(width, batch, DATA_STEPS)
    controller = sys.modules["throughput_inprocess.control"].controller
    switch, is_on, rows = Switch(), True, []
    epochs = itertools.chain.from_iterable(DataLoader(data, batch_size=batch) for _ in itertools.count())
    try:
        for number, taken in enumerate(epochs, 1):
            step(model, optimizer, taken)
            rows.append((time.thread_time_ns(), is_on, controller.block))
            if number % turn == 0 and number >= FIRST:
                is_on = not is_on
                switch.turn(on=is_on)
    finally:
        out.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
