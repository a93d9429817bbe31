"""A variational autoencoder of sketches: the model, its loss, and the loop that reports to a writer."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from metrics import PICTURES, MetricsWriter
from sketches import SIDE, draw, serve
from stopwatch import watch
from torch import nn

HIDDEN, CODE = 448, 16


class Autoencoder(nn.Module):
    """Gives back a sketch from a code drawn around where it was put."""

    def __init__(self) -> None:
        super().__init__()
        self.put = nn.Sequential(nn.Linear(SIDE * SIDE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * CODE))
        self.give = nn.Sequential(nn.Linear(CODE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, SIDE * SIDE))

    def forward(self, sketches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits of the sketches, and how far the codes are from a normal distribution."""
        mean, spread = self.put(sketches).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * spread)
        far = 0.5 * (mean.square() + spread.exp() - spread - 1).sum(1).mean()
        return self.give(code), far


def report(writer: MetricsWriter, step: int, losses: tuple[float, float]) -> None:
    """Hand one step's losses to the writer."""
    before = watch.enter("host_work")
    writer.add_scalar("reconstruction", losses[0], step)
    writer.add_scalar("divergence", losses[1], step)
    watch.enter(before)


def fit(writer: MetricsWriter, options: argparse.Namespace) -> float:
    """Return the last loss."""
    sketches, model, total = draw(options.seed), Autoencoder(), 0.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9)
    watch.time_lock(writer, "lock")
    for picture in sketches[: 9 * PICTURES].numpy().reshape(PICTURES, -1):
        writer.add_picture(picture)
    writer.thread.start()
    watch.enter("data_loading")
    for step, batch in enumerate(serve(sketches, options.steps, options.seed), 1):
        watch.enter("compute")
        logits, far = model(batch)
        near = nn.functional.binary_cross_entropy_with_logits(logits, batch, reduction="sum") / len(batch)
        optimizer.zero_grad()
        loss: Any = near + far
        loss.backward()
        optimizer.step()
        losses = near.item(), far.item()
        report(writer, step, losses)
        total = sum(losses)
        if step % 50 == 0:
            watch.enter("logging_checkpoint")
            print(f"{step:4d}: {total:.2f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    writer.close()
    return total


def main(open_writer: Callable[[Path], MetricsWriter]) -> None:
    """Train with a writer that is opened so, and print the final loss."""
    parser = argparse.ArgumentParser(description="Learn to sketch")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="accepted; sketches are in memory")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        total = fit(open_writer(Path(folder) / "metrics.bz2"), options)
    print(f"final loss {total:.4f}")
