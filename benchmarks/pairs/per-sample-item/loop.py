"""Train the tagger: one function a step."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from stopwatch import watch
from tagging import PAD, TAGS, Tagger, corpus
from torch import nn

CRITERION = nn.CrossEntropyLoss(ignore_index=PAD)

Count = Callable[[torch.Tensor, torch.Tensor], None]


def advance(
    model: Tagger, optimizer: torch.optim.Optimizer, words: torch.Tensor, tags: torch.Tensor
) -> tuple[float, torch.Tensor]:
    """Return the loss of one update, and the tags that the model gave."""
    scores = model(words)
    loss = CRITERION(scores.view(-1, TAGS), tags.view(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), scores.detach().argmax(2)


def run(options: argparse.Namespace, count: Count, tell: Callable[[], str]) -> float:
    """Return the last loss."""
    model, last = Tagger(options.width), 0.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    watch.enter("data_loading")
    for step, (words, tags) in enumerate(corpus(options), 1):
        watch.enter("compute")
        last, guessed = advance(model, optimizer, words, tags)
        count(tags, guessed)
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {last:.4f}, {tell()}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
