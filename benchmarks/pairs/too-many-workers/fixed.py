"""The fixed twin: one worker, which keeps up with the model and leaves it a CPU."""

from __future__ import annotations

import argparse

import torch
from clicklog import open_log
from ranker import train


def main() -> None:
    """Train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Learn which pages are clicked on")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=8, help="more than one is one too many here")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    print(f"final loss {train(open_log(min(1, options.workers), options.seed), options):.4f}")


if __name__ == "__main__":
    main()
