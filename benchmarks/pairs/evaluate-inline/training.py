"""The router and its training."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import torch
from stopwatch import watch
from tickets import DESKS, WORDS, Tickets
from torch import nn

if TYPE_CHECKING:
    from heldout import Monitor

HELD_OUT = 2048


def router(width: int) -> nn.Sequential:
    """Return the model."""
    return nn.Sequential(
        nn.EmbeddingBag(WORDS, 192, mode="mean"),
        nn.Linear(192, width),
        nn.GELU(),
        nn.Dropout(0.1),
        nn.Linear(width, width),
        nn.GELU(),
        nn.Linear(width, DESKS),
    )


def train(tickets: Tickets, monitor: Monitor, options: argparse.Namespace) -> float:
    """Return the last loss."""
    model = router(options.width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    order = torch.Generator().manual_seed(options.seed)
    criterion, step, going, last = nn.CrossEntropyLoss(), 0, True, 0.0
    while going and step < options.steps:
        watch.enter("data_loading")
        chosen = torch.randint(0, len(tickets.desks) - HELD_OUT, (options.batch_size,), generator=order)
        words, desks = tickets.words[chosen], tickets.desks[chosen]
        watch.enter("compute")
        loss = criterion(model(words), desks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        step += 1
        watch.enter("host_work")
        going = monitor.after_step(step, model)
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {last:.4f}, held out {monitor.best:.4f}", flush=True)
        watch.step()
    return last
