"""Train a small network to name a machine's fault from its vibrations; slower than it has to be."""

from __future__ import annotations

import torch
from network import build
from options import load, parse
from recordings import Recordings
from training import train


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Name a machine's fault from its vibrations")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    loader = load(Recordings(1024, options.seed), options)
    print(f"final loss {train(build(options.width), loader):.4f}")


if __name__ == "__main__":
    main()
