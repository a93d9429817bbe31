"""Follow, beside training, how letters go together at several distances: the text may drift."""

from __future__ import annotations

import math
import queue
import threading

import torch
from corpus import LETTERS

LAGS = range(1, 33)


class LagMonitor:
    """Takes batches of letters and keeps, for each distance, how close the letters are on the average."""

    def __init__(self) -> None:
        self.inbox: queue.SimpleQueue[torch.Tensor | None] = queue.SimpleQueue()
        self.closeness = dict.fromkeys(LAGS, 0.0)
        self.prior = [[1.0 + (3 * a + b) % 7 for b in range(LETTERS)] for a in range(LETTERS)]
        self.thread = threading.Thread(target=self.run, name="lag-monitor", daemon=True)

    def run(self) -> None:
        """Follow what comes in until there is None."""
        while (letters := self.inbox.get()) is not None:
            self.follow(letters)

    def follow(self, letters: torch.Tensor) -> None:
        """Bring the averages up to date with one batch."""
        text = letters[:, 1:].flatten().tolist()
        for lag in LAGS:
            seen = self.mean_at(lag, text)
            self.closeness[lag] += 0.02 * (seen - self.closeness[lag])

    def mean_at(self, lag: int, text: list[int]) -> float:
        """Return how close letters at this distance are."""
        prior, log, total = self.prior, math.log, 0.0
        for a, b in zip(text, text[lag:], strict=False):
            total += log(prior[a][b] / (prior[b][a] + abs(a - b))) + log(prior[a][a] * prior[b][b])  # PLANTED
        return total / len(text)

    def stop(self) -> None:
        """End the thread."""
        self.inbox.put(None)
        self.thread.join()
