"""Train while a background thread publishes metrics; training waits for it more than it trains."""

from __future__ import annotations

import torch
from publisher import Publisher
from registry import Registry
from training import parse, train


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Train while metrics are published")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    publisher = Publisher(Registry(), pause_s=0.0)
    print(f"final loss {train(publisher, options):.4f}")


if __name__ == "__main__":
    main()
