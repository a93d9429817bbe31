"""The fixed twin: holds the lock only to take a snapshot, and publishes no more often than anybody reads."""

from __future__ import annotations

import zlib

import torch
from publisher import Publisher, pack
from registry import Registry
from training import parse, train


class SnapshotPublisher(Publisher):
    """Compresses after it has given the lock back."""

    def publish(self) -> None:
        with self.registry.lock:
            kept = self.registry.snapshot()
        self.published += len(zlib.compress(pack(*kept), 6))


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Train while metrics are published")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    publisher = SnapshotPublisher(Registry(), pause_s=0.5)
    print(f"final loss {train(publisher, options):.4f}")


if __name__ == "__main__":
    main()
