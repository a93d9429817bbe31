"""Patches, the network that removes noise from them, and its training."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from ema import ModelEma

SIDE, PATCHES = 24, 2048


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def build(width: int) -> nn.Sequential:
    """Return a denoiser: patch in, the noise in it out."""
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(SIDE * SIDE, width), nn.BatchNorm1d(width), nn.SiLU()]
    for _ in range(2):
        layers += [nn.Linear(width, width), nn.BatchNorm1d(width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(width, SIDE * SIDE), nn.Unflatten(1, (SIDE, SIDE)))


def draw_patches(options: argparse.Namespace) -> Iterator[torch.Tensor]:
    """Yield batches of patches of smooth waves."""
    draw = torch.Generator().manual_seed(options.seed)
    at = torch.arange(SIDE) * (2 * math.pi / SIDE)
    pitch = torch.randint(1, 4, (PATCHES, 2, 1), generator=draw)
    waves = torch.sin(pitch * at + 6 * torch.rand(PATCHES, 2, 1, generator=draw))
    patches = waves[:, 0, :, None] * waves[:, 1, None, :]
    for _ in range(options.steps):
        yield patches[torch.randint(0, PATCHES, (options.batch_size,), generator=draw)]


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, averaged: ModelEma, options: argparse.Namespace
) -> float:
    """Return the last loss."""
    source, step, loss = draw_patches(options), 0, torch.zeros(())
    watch.enter("data_loading")
    while (patches := next(source, None)) is not None:
        watch.enter("compute")
        strength = torch.rand(len(patches), 1, 1)
        noise = torch.randn_like(patches)
        loss = (model(patches + strength * noise) - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {loss.item():.4f}, {averaged.distance():.3f} from average", flush=True)
        watch.step()
        watch.enter("data_loading")
    return loss.item()
