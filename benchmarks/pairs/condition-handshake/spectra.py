"""Watch for collapse: in how many directions do the embeddings still spread?"""

from __future__ import annotations

import threading

import numpy as np


class CollapseWatch:
    """Answers that question for one batch of embeddings at a time, in a thread of its own."""

    def __init__(self) -> None:
        self.turn = threading.Condition()
        self.asked: np.ndarray | None = None
        self.directions: float | None = None
        self.ended = False
        self.thread = threading.Thread(target=self.run, name="collapse-watch", daemon=True)

    def run(self) -> None:
        """Answer until the watch is ended."""
        while True:
            with self.turn:
                self.turn.wait_for(lambda: self.asked is not None or self.ended)
                embeddings, self.asked = self.asked, None
            if embeddings is None:
                return
            directions = effective_rank(embeddings)
            with self.turn:
                self.directions = directions
                self.turn.notify_all()

    def hand_over(self, embeddings: np.ndarray) -> None:
        """Ask about a batch, in the place of one that was not yet looked at."""
        with self.turn:
            self.asked, self.directions = embeddings, None
            self.turn.notify_all()

    def inspect(self, embeddings: np.ndarray) -> float:
        """Ask about a batch; return the answer."""
        self.hand_over(embeddings)
        with self.turn:
            self.turn.wait_for(lambda: self.directions is not None)
            assert self.directions is not None
            return self.directions

    def end(self) -> None:
        """End the thread."""
        with self.turn:
            self.ended = True
            self.turn.notify_all()
        self.thread.join()


def effective_rank(embeddings: np.ndarray) -> float:
    """Return the entropy of the covariance's spectrum, as a number of directions."""
    centred = embeddings.astype(np.float64) - embeddings.mean(axis=0)
    spectrum = np.linalg.eigvalsh(centred.T @ centred)  # PLANTED
    part = spectrum.clip(min=1e-12) / spectrum.sum()
    return float(np.exp(-(part * np.log(part)).sum()))
