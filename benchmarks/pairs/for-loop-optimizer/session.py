"""The loop over loans."""

from __future__ import annotations

import torch
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader
from updates import Updater


def train(model: nn.Module, updater: Updater, loader: DataLoader[tuple[torch.Tensor, ...]]) -> float:
    """Return the last loss after one pass over the loader."""
    criterion, right, last = nn.BCEWithLogitsLoss(), torch.zeros(()), torch.zeros(())
    watch.enter("data_loading")
    for step, (columns, paid) in enumerate(loader, 1):
        watch.enter("compute")
        scores = model(columns)
        last = criterion(scores, paid)
        last.backward()
        updater.apply()
        right += ((scores.detach() > 0) == (paid > 0.5)).float().mean()
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"{step} steps: {right.item() / step:.1%} right", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last.item()
