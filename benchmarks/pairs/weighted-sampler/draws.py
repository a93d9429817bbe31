"""Draw rows by their importance."""

from __future__ import annotations

import random
from collections.abc import Iterator

from torch.utils.data import Sampler


class ImportanceSampler(Sampler[int]):
    """Draws rows with replacement, as often as each is worth."""

    def __init__(self, importance: list[float], draws: int, seed: int) -> None:
        self.importance, self.draws = importance, draws
        self.rows = range(len(importance))
        self.chance = random.Random(seed)

    def __len__(self) -> int:
        return self.draws

    def __iter__(self) -> Iterator[int]:
        for _ in range(self.draws):
            yield self._draw()

    def _draw(self) -> int:
        (row,) = self.chance.choices(self.rows, weights=self.importance)  # PLANTED
        return row
