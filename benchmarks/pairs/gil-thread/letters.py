"""A small language model of letters, and its training."""

from __future__ import annotations

import argparse
from typing import Any

import gilwaits
import torch
from corpus import LENGTH, LETTERS, windows, write
from lags import LagMonitor
from torch import nn
from torch.nn import functional

WIDE = 64


class Mix(nn.Module):
    """Attention to what came before, then a layer for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.norm2 = nn.LayerNorm(WIDE), nn.LayerNorm(WIDE)
        self.ask, self.give = nn.Linear(WIDE, 3 * WIDE), nn.Linear(WIDE, WIDE)
        self.inner, self.outer = nn.Linear(WIDE, 2 * WIDE), nn.Linear(2 * WIDE, WIDE)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what each place knows afterwards."""
        query, key, value = self.ask(self.norm(x)).chunk(3, dim=-1)
        x = x + self.give(functional.scaled_dot_product_attention(query, key, value, is_causal=True))
        return x + self.outer(functional.gelu(self.inner(self.norm2(x))))


class Letters(nn.Module):
    """Names the next letter at each place."""

    def __init__(self) -> None:
        super().__init__()
        self.letter, self.place = nn.Embedding(LETTERS, WIDE), nn.Embedding(LENGTH, WIDE)
        self.mixes = nn.ModuleList(Mix() for _ in range(2))
        self.head = nn.Linear(WIDE, LETTERS)

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        """Return scores for each place's next letter."""
        x = self.letter(letters) + self.place.weight
        for mix in self.mixes:
            x = mix(x)
        scores: torch.Tensor = self.head(x)
        return scores


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, letters: torch.Tensor) -> float:
    """Take one step; return its loss."""
    scores = model(letters[:, :-1])
    loss: Any = functional.cross_entropy(scores.flatten(0, 1), letters[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def train(monitor: LagMonitor) -> None:
    """Train while a monitor follows, and print the final loss."""
    parser = argparse.ArgumentParser(description="Learn which letter comes next")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="accepted; the text is in memory")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(options.seed)
    coming = windows(write(60_000, draw), options.steps, draw)
    model, last = Letters(), 0.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    monitor.thread.start()
    gilwaits.enter("data_loading")
    for step, letters in enumerate(coming, 1):
        gilwaits.enter("host_work")
        monitor.inbox.put(letters)
        gilwaits.enter("compute")
        last = learn(model, optimizer, letters)
        if step % 100 == 0:
            gilwaits.enter("logging_checkpoint")
            print(f"{step} steps: {last:.4f}", flush=True)
        gilwaits.step()
        gilwaits.enter("data_loading")
    monitor.stop()
    print(f"final loss {last:.4f}")
