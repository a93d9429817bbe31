"""Clean transcripts: words become numbers, and batches of them have one length."""

from __future__ import annotations

import re
from collections import Counter

import torch

PADDING, UNKNOWN = 0, 1
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[.,:!?-]")
Call = tuple[str, int]


class Tokeniser:
    """Numbers the words that are frequent enough."""

    def __init__(self, texts: list[str], least: int = 3) -> None:
        counts = Counter(word for text in texts for word in WORD.findall(text.lower()))
        frequent = sorted(word for word, count in counts.items() if count >= least)
        self.numbers = {word: number for number, word in enumerate(frequent, UNKNOWN + 1)}

    def __len__(self) -> int:
        return len(self.numbers) + 2

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's words."""
        return [self.numbers.get(word, UNKNOWN) for word in WORD.findall(text.lower())]  # PLANTED


class Packer:
    """Makes a batch of calls: the beginning of each, filled up to one length."""

    def __init__(self, tokeniser: Tokeniser, length: int) -> None:
        self.tokeniser = tokeniser
        self.length = length

    def row(self, text: str) -> list[int]:
        """Return a text as numbers, cut or filled up."""
        numbers = self.tokeniser.encode(text)[: self.length]
        return numbers + [PADDING] * (self.length - len(numbers))

    def __call__(self, calls: list[Call]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [self.row(text) for text, _ in calls]
        return torch.tensor(rows), torch.tensor([team for _, team in calls])
