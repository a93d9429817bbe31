"""Clips, options and the loop."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from classifier import BANDS, SPECIES
from stopwatch import watch
from torch import nn

FRAMES, CLIPS = 480, 256


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def record(draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return clips of band energies, and who calls in each: every species has bands of its own."""
    birds = torch.randint(0, SPECIES, (CLIPS,), generator=draw)
    bands = torch.rand(SPECIES, BANDS, generator=draw)
    energy = torch.rand(CLIPS, FRAMES, BANDS, generator=draw) * (0.5 + bands[birds][:, None, :])
    return energy, birds


def batches(options: argparse.Namespace) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield as many batches as there are steps."""
    draw = torch.Generator().manual_seed(options.seed)
    energy, birds = record(draw)
    for _ in range(options.steps):
        chosen = torch.randint(0, CLIPS, (options.batch_size,), generator=draw)
        yield energy.index_select(0, chosen), birds[chosen]


def fit(model: nn.Module, options: argparse.Namespace) -> float:
    """Return the last loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    running = torch.zeros(())
    loss = torch.zeros(())
    watch.enter("data_loading")
    for step, (energy, birds) in enumerate(batches(options), 1):
        watch.enter("compute")
        loss = criterion(model(energy), birds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running = torch.lerp(running, loss.detach(), 0.05)
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: running loss {running.item():.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return loss.item()
