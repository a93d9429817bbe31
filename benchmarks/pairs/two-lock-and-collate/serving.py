"""Send the weights to the servers that use them, from a thread of its own."""

from __future__ import annotations

import bz2
import threading

import torch
from torch import nn


class Shelf:
    """The weights that servers may have, and the lock that keeps them from changing meanwhile."""

    def __init__(self, model: nn.Module) -> None:
        self.guard = threading.Lock()
        self.parts = list(model.parameters())

    def payload(self) -> bytes:
        """Return the weights as bytes; the caller holds the guard."""
        with torch.no_grad():
            return b"".join(part.numpy().tobytes() for part in self.parts)


class Feed:
    """Packs the weights whenever there is news."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.sent = shelf, 0
        self.news, self.over = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.serve, name="feed", daemon=True)

    def announce(self) -> None:
        """Say that the weights are worth sending."""
        self.news.set()

    def serve(self) -> None:
        """Send after each announcement, until it is over."""
        while self.news.wait() and not self.over.is_set():
            self.news.clear()
            self.send()

    def send(self) -> None:
        """Send the weights as they are."""
        with self.shelf.guard:
            packet = bz2.compress(self.shelf.payload(), 1)  # PLANTED
        self.sent += len(packet)

    def close(self) -> None:
        """End the thread."""
        self.over.set()
        self.news.set()
        self.thread.join()
