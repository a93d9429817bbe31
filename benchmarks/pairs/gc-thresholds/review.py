"""Remember how the model did of late, to tell how steady it is."""

from __future__ import annotations

from collections import deque

import torch

Rows = list[list[list[float]]]


class Recent:
    """The last batches: for each song of each play-list, the right song's score and the highest one."""

    def __init__(self, kept: int) -> None:
        self.batches: deque[Rows] = deque(maxlen=kept)

    def remember(self, outcome: torch.Tensor) -> None:
        """Keep a batch's scores (lists, songs, 2)."""
        self.batches.append(outcome.tolist())  # PLANTED

    def steady(self) -> float:
        """Return how often the right song had the highest score in the oldest batch kept."""
        pairs = [pair for row in self.batches[0] for pair in row]
        return sum(right == best for right, best in pairs) / len(pairs)
