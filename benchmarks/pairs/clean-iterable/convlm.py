"""A language model of gated causal convolutions."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class GatedConv(nn.Module):
    """A convolution that sees only what came before, gated, around a shortcut."""

    def __init__(self, width: int, kernel: int = 4) -> None:
        super().__init__()
        self.past = kernel - 1
        self.conv = nn.Conv1d(width, 2 * width, kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the stream after this layer."""
        return x + F.glu(self.conv(F.pad(x, (self.past, 0))), dim=1)


class ConvLM(nn.Module):
    """Predicts each next token of a block."""

    def __init__(self, vocabulary: int, width: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.layers = nn.Sequential(*(GatedConv(width) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return a score for each next token."""
        hidden = self.layers(self.embed(tokens).transpose(1, 2)).transpose(1, 2)
        scores: torch.Tensor = self.head(self.norm(hidden))
        return scores
