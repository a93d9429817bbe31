"""Sentences of made-up words whose tags depend on the word and on its neighbour; the tagger."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from torch import nn

WORDS, TAGS, PAD, LONGEST = 1500, 9, -1, 64


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--sentences", type=int, default=24, help="of one batch")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def corpus(options: argparse.Namespace) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches of words and tags."""
    draw = torch.Generator().manual_seed(options.seed)
    words = torch.randint(1, WORDS, (3000, LONGEST), generator=draw)
    tags = (words + words.roll(1, 1) // 300) % TAGS
    lengths = torch.randint(LONGEST // 2, LONGEST + 1, (3000, 1), generator=draw)
    beyond = torch.arange(LONGEST) >= lengths
    words[beyond], tags[beyond] = 0, PAD
    for _ in range(options.steps):
        chosen = torch.randint(0, len(words), (options.sentences,), generator=draw)
        yield words[chosen], tags[chosen]


class Tagger(nn.Module):
    """Embeds words, looks at neighbours, scores tags."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, width, padding_idx=0)
        self.near = nn.Conv1d(width, 2 * width, kernel_size=3, padding=1)
        self.far = nn.Conv1d(2 * width, width, kernel_size=3, padding=1)
        self.score = nn.Linear(width, TAGS)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return scores (sentences, tokens, tags)."""
        hidden = self.embed(words).transpose(1, 2)
        hidden = torch.relu(self.far(torch.relu(self.near(hidden))))
        scores: torch.Tensor = self.score(hidden.transpose(1, 2))
        return scores
