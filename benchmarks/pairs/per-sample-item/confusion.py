"""Count tags wanted against tags given."""

from __future__ import annotations

import torch
from tagging import PAD, TAGS

Table = list[list[int]]


def new_table() -> Table:
    """Return a table of zeros, a row for each tag wanted."""
    return [[0] * TAGS for _ in range(TAGS)]


def count_tags(table: Table, wanted: torch.Tensor, guessed: torch.Tensor) -> None:
    """Add a batch (sentences, tokens) to the table; padding doesn't count."""
    real = wanted != PAD
    wanted, guessed = wanted[real], guessed[real]
    for at in range(len(wanted)):
        table[int(wanted[at])][int(guessed[at])] += 1  # PLANTED


def summary(table: Table) -> str:
    """Return which part of the tokens has its right tag, and the F1 averaged over tags."""
    right = [row[tag] for tag, row in enumerate(table)]
    given = [sum(row[tag] for row in table) for tag in range(TAGS)]
    f1 = [2 * r / max(1, sum(row) + g) for r, row, g in zip(right, table, given, strict=True)]
    return f"{sum(right) / max(1, sum(map(sum, table))):.1%} right, F1 {sum(f1) / TAGS:.3f}"
