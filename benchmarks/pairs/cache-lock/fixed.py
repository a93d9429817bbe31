"""The fixed twin: each thread fetches over a link of its own, and takes the lock only to look and to keep."""

from __future__ import annotations

import threading
import zlib

import torch
from depot import Depot
from landcover import SLABS, fit, options, order
from prefetch import THREADS, batches
from slabs import SlabCache


class OpenCache(SlabCache):
    """Fetches and unpacks outside the lock."""

    def __init__(self, depot: Depot) -> None:
        super().__init__(depot)
        self.own = threading.local()

    def get(self, number: int) -> bytes:
        with self.lock:
            if number in self.kept:
                return self.kept[number]
            if not hasattr(self.own, "link"):
                self.own.link = self.depot.links.pop()
        self.own.link.send(number)
        found = zlib.decompress(self.own.link.recv_bytes())
        with self.lock:
            self.keep(number, found)
        return found


def main() -> None:
    """Train, and print the final loss."""
    chosen = options()
    torch.manual_seed(chosen.seed)
    torch.set_num_threads(1)
    depot = Depot(SLABS, links=THREADS, surveys=THREADS, seed=chosen.seed)
    loss = fit(batches(OpenCache(depot), order(chosen.steps, chosen.seed)))
    depot.close()
    print(f"final loss {loss:.4f}")


if __name__ == "__main__":
    main()
