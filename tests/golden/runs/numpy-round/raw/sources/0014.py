"""The training loop that the slow script and its fixed twin share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

REPORT_EVERY = 50


def train(model: nn.Module, loader: DataLoader[Any]) -> float:
    """Return the last loss after one pass over the loader."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=200, gamma=0.5)
    criterion = nn.CrossEntropyLoss()
    last, right, seen = 0.0, 0, 0
    watch.enter("data_loading")
    for step, (windows, names) in enumerate(loader, 1):
        watch.enter("compute")
        faults = torch.tensor(names)
        scores = model(windows)
        loss = criterion(scores, faults)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += int((scores.argmax(1) == faults).sum())
        watch.enter("host_work")
        schedule.step()
        seen += len(faults)
        if step % REPORT_EVERY == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {float(loss.detach()):.4f}, {right / seen:.0%} right", flush=True)
        watch.step()
        watch.enter("data_loading")
        last = float(loss.detach())
    return last
