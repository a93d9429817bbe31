"""Training on logs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import torch
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from grouping import LengthGroups


def train(model: nn.Module, groups: LengthGroups, options: argparse.Namespace) -> float:
    """Return the last loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    history: list[float] = []
    batches = iter(groups)
    for step in range(1, options.steps + 1):
        watch.enter("data_loading")
        logs, topics = next(batches)
        watch.enter("compute")
        optimizer.zero_grad()
        loss = criterion(model(logs), topics)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {sum(history[-100:]) / 100:.4f}", flush=True)
        watch.step()
    return history[-1]
