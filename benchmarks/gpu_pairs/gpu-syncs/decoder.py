"""A transformer decoder whose blocks may be watched."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

WIDTH, HEADS, WORDS = 1024, 16, 8192

Watches = Callable[[torch.Tensor], None]


class Block(nn.Module):
    """Attention and a perceptron, each beside a residual path."""

    def __init__(self, watch: Watches | None) -> None:
        super().__init__()
        self.watch = watch
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
        self.mix = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.perceptron = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return hidden states, shape (batch, words, WIDTH)."""
        heads = self.mix(self.norms[0](hidden)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(heads[0], heads[1], heads[2], is_causal=True)
        hidden = hidden + self.out(mixed.transpose(1, 2).flatten(-2))
        hidden = hidden + self.perceptron(self.norms[1](hidden))
        if self.watch is not None:
            self.watch(hidden)
        return hidden


class Decoder(nn.Module):
    """Blocks between an embedding and a prediction of the next word."""

    def __init__(self, depth: int, watch: Watches | None) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.blocks = nn.Sequential(*(Block(watch) for _ in range(depth)))
        self.head = nn.Linear(WIDTH, WORDS)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (batch, words, WORDS)."""
        logits: torch.Tensor = self.head(self.blocks(self.embedding(words)))
        return logits
