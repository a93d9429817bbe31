"""Route calls to teams with a recurrent network."""

from __future__ import annotations

import argparse
from typing import Any

import torch
from cleaning import PADDING
from recordings import TEAMS
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader


def settings() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description="Route calls to support")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--length", type=int, default=24, help="words that the network reads")
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--words", type=int, default=560)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Router(nn.Module):
    """Reads a call's words in order."""

    def __init__(self, words: int, wide: int = 64) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 48, padding_idx=PADDING)
        self.read = nn.GRU(48, wide, batch_first=True)
        self.choose = nn.Linear(wide, len(TEAMS))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return a score for each team."""
        states, _ = self.read(self.embed(words))
        scores: torch.Tensor = self.choose(states.amax(1))
        return scores


def fit(loader: DataLoader[Any], words: int) -> float:
    """Train over the loader; return the last loss."""
    router = Router(words)
    optimizer = torch.optim.Adagrad(router.parameters(), lr=0.01)
    criterion, last = nn.CrossEntropyLoss(), 0.0
    watch.enter("data_loading")
    for step, (texts, teams) in enumerate(loader, 1):
        watch.enter("compute")
        loss = criterion(router(texts), teams)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(router.parameters(), 1.0)
        optimizer.step()
        last = loss.item()
        watch.enter("host_work")
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"after {step} steps: {last:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
