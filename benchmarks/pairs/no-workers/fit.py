"""Command line, picker network and fit, in functions."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import torch
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler
from waveforms import PARTS, SAMPLES, Seismograms


def arguments() -> argparse.Namespace:
    """Return the options of a fit."""
    parser = argparse.ArgumentParser(description="Pick the onset of quakes")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def as_is(batch: Any) -> Any:
    """Return what the data set returned for a whole batch."""
    return batch


def stream(options: argparse.Namespace, workers: int) -> Iterator[Any]:
    """Return an iterator of as many batches as there are steps."""
    catalogue = Seismograms(2048, options.seed)
    draws = RandomSampler(
        catalogue,
        replacement=True,
        num_samples=options.steps * options.batch_size,
        generator=torch.Generator().manual_seed(options.seed),
    )
    loader = DataLoader(catalogue, options.batch_size, sampler=draws, collate_fn=as_is, num_workers=workers)
    return iter(loader)


def picker(width: int = 24) -> nn.Sequential:
    """Return a network that says in which part of a trace the quake begins."""
    return nn.Sequential(
        nn.Conv1d(1, width, 11, stride=4, padding=5),
        nn.ReLU(),
        nn.Conv1d(width, 2 * width, 7, stride=2, padding=3),
        nn.ReLU(),
        nn.Conv1d(2 * width, 32, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * SAMPLES // 16, PARTS),
    )


def fit(options: argparse.Namespace, workers: int) -> float:
    """Return the last loss."""
    network = picker()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    batches, last = stream(options, workers), torch.zeros(())
    for step in range(1, options.steps + 1):
        watch.enter("data_loading")
        traces, onset = next(batches)
        watch.enter("compute")
        optimizer.zero_grad()
        loss = criterion(network(traces), torch.tensor(onset))
        loss.backward()
        optimizer.step()
        last = loss.detach()
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"{step:5d}  {last.item():.4f}", flush=True)
        watch.step()
    return float(last)
