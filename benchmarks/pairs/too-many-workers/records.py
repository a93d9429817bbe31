"""Read blocks of click records as the web servers write them: numbers in text."""

from __future__ import annotations

import numpy as np
import torch

FIELDS, KEPT, ITEMS = 288, 32, 4000
"""Numbers of a record; those kept: a label and the items that were on the page. The rest is for billing."""


def write_blocks(blocks: int, rows: int, seed: int) -> list[str]:
    """Return blocks of records whose label depends on the items shown."""
    rng = np.random.default_rng(seed)
    appeal = rng.normal(0, 2.5, ITEMS)
    written = []
    for _ in range(blocks):
        items = rng.integers(0, ITEMS, (rows, KEPT - 1))
        clicked = appeal[items].mean(axis=1) + rng.normal(0, 0.2, rows) > 0
        billing = rng.integers(0, 10_000, (rows, FIELDS - KEPT))
        table = np.concatenate([clicked[:, None], items, billing], axis=1)
        written.append(" ".join(map(str, table.ravel().tolist())))
    return written


def read_block(block: str) -> torch.Tensor:
    """Return a block's records: the label, then the items."""
    numbers = np.fromstring(block, dtype=np.int64, sep=" ")
    return torch.from_numpy(numbers).view(-1, FIELDS)[:, :KEPT].contiguous()
