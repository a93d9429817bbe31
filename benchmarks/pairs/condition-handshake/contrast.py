"""Learn embeddings in which two views of a point agree and the features don't repeat one another."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from spectra import CollapseWatch
from stopwatch import watch
from torch import nn
from views import FEATURES, Curves

SIZE, WIDE = 128, 352

Check = Callable[[CollapseWatch, torch.Tensor, int], None]


@dataclass
class Options:
    """What the command line says."""

    steps: int
    workers: int
    seed: int


def read_options() -> Options:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Learn embeddings from pairs of views")
    for name, value in (("steps", 400), ("workers", 0), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    return Options(**vars(parser.parse_args()))


def encoder() -> nn.Sequential:
    """Return a perceptron of three layers."""
    return nn.Sequential(
        nn.Linear(FEATURES, WIDE), nn.LayerNorm(WIDE), nn.ReLU(), nn.Linear(WIDE, WIDE), nn.ReLU(),
        nn.Linear(WIDE, WIDE),
    )  # fmt: skip


def disagreement(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """Return how far the correlations of two views' features are from those of equal, unlike features."""
    one, two = ((view - view.mean(0)) / (view.std(0) + 1e-4) for view in (one, two))
    across = one.T @ two / len(one)
    agree = (across.diagonal() - 1).square().sum()
    return agree + 0.005 * (across.square().sum() - across.diagonal().square().sum())


def learn(options: Options, check: Check, collapse: CollapseWatch) -> Iterator[float]:
    """Yield each step's loss."""
    curves, model = Curves(options.seed), encoder()
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-4, momentum=0.9)
    watch.enter("data_loading")
    for step in range(1, options.steps + 1):
        one, two = curves.two_views(SIZE)
        watch.enter("compute")
        one, two = model(one), model(two)
        loss: Any = disagreement(one, two)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        watch.enter("host_work")
        check(collapse, one.detach(), step)
        yield last
        watch.step()
        watch.enter("data_loading")


def main(check: Check) -> None:
    """Train with this check after each step, and print the final loss."""
    options = read_options()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    collapse = CollapseWatch()
    collapse.thread.start()
    last = 0.0
    for step, last in enumerate(learn(options, check, collapse), 1):
        if step % 100 == 0:
            before = watch.enter("logging_checkpoint")
            print(f"step {step} loss {last:.3f}", flush=True)
            watch.enter(before)
    collapse.end()
    print(f"final loss {last:.4f}")
