"""How many letters a reader gets wrong."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from handwriting import LETTERS


def edit_distance(read: str, written: str) -> int:
    """Return how many letters must be put in, left out or changed to get from one text to the other."""
    above = list(range(len(written) + 1))
    for row, left in enumerate(read, 1):
        current = [row]
        for j, right in enumerate(written, 1):
            current.append(1 + min(current[-1], above[j], above[j - 1] - (left == right)))  # PLANTED
        above = current
    return above[-1]


def spell(letters: Iterable[torch.Tensor]) -> str:
    """Return a row of letter numbers as text."""
    return "".join([LETTERS[int(letter.item())] for letter in letters])


def error_rate(scores: torch.Tensor, letters: torch.Tensor) -> float:
    """Return the edits for each letter written, over a batch."""
    edits = 0
    for read, written in zip(scores.argmax(2), letters, strict=True):
        edits += edit_distance(spell(read), spell(written))
    return edits / letters.numel()
