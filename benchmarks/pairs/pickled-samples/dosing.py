"""Estimate the dose from an image: network, training, and the lab's report."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from feeding import Feeder
from plates import DOSES, Plates
from stopwatch import watch
from torch import nn

Mean = Callable[[Any], float]


def network() -> nn.Module:
    """Return a small residual-free convolutional network."""

    def stage(low: int, high: int) -> list[nn.Module]:
        return [nn.Conv2d(low, high, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(high), nn.ReLU()]

    return nn.Sequential(
        *stage(1, 20), *stage(20, 32), *stage(32, 48), nn.Flatten(), nn.Linear(48 * 36, DOSES)
    )


def train(plates: Callable[[int, int], Plates], mean_area: Mean) -> None:
    """Train on plates, report the cells' mean area now and then, and print the final loss."""
    parser = argparse.ArgumentParser(description="Estimate doses from images of cells")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    sharing: Any = torch.multiprocessing
    sharing.set_sharing_strategy("file_system")  # batches in flight must not use up descriptors
    feeder = Feeder(plates(320, options.seed), options.steps, options.workers)
    model, criterion, loss = network(), nn.CrossEntropyLoss(label_smoothing=0.1), torch.zeros(())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    watch.enter("data_loading")
    for step, batch in enumerate(feeder, 1):
        watch.enter("compute")
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(batch["pixels"]), torch.tensor(batch["dose"]))
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {loss.item():.4f}, area {mean_area(batch['cells']):.3f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    print(f"final loss {loss.item():.4f}")
