"""A decoder-only transformer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


@dataclass
class Config:
    """Sizes of the model."""

    vocabulary: int
    block: int = 64
    layers: int = 2
    heads: int = 4
    width: int = 96


class Attention(nn.Module):
    """Causal self-attention with one projection for queries, keys and values."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what each position gathers from those before it."""
        batch, time, width = x.shape
        q, k, v = self.qkv(x).view(batch, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        gathered: torch.Tensor = self.out(y.transpose(1, 2).reshape(batch, time, width))
        return gathered


class Block(nn.Module):
    """Attention and a perceptron, each behind a normalisation."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        self.norm_1, self.attention = nn.LayerNorm(width), Attention(config)
        self.norm_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the stream after this block."""
        x = x + self.attention(self.norm_1(x))
        moved: torch.Tensor = x + self.mlp(self.norm_2(x))
        return moved


class GPT(nn.Module):
    """Predicts the next character; the output shares its weights with the embedding."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.tokens = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.block, config.width)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.layers)))
        self.norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)
        self.register_buffer("steps", torch.arange(config.block), persistent=False)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of predicting `y`."""
        h = self.norm(self.blocks(self.tokens(x) + self.positions(self.steps)))
        return F.cross_entropy(F.linear(h, self.tokens.weight).flatten(0, 1), y.flatten())
