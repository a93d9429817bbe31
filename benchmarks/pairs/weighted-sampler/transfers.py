"""Bank transfers, of which a few are fraud, in memory."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset

FEATURES = 72


class Transfers(Dataset[torch.Tensor]):
    """Transfers by lists of rows, whole batches at a time; the last column says whether it was fraud."""

    def __init__(self, rows: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        values = torch.randn(rows, FEATURES, generator=draw)
        hint = values[:, :8].sum(dim=1) + 2 * torch.randn(rows, generator=draw)
        self.fraud = hint > torch.quantile(hint, 0.94)
        self.table = torch.cat([values, self.fraud[:, None].float()], dim=1)
        self.amount = torch.rand(rows, generator=draw) * 900 + 100

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, rows: list[int]) -> torch.Tensor:
        return self.table[rows]

    def importance(self) -> list[float]:
        """Return how often each row should be seen: fraud more than the rest, large sums more than small."""
        weights: list[float] = (torch.where(self.fraud, 12.0, 1.0) * self.amount.log()).tolist()
        return weights
