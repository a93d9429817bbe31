"""Train a model of clicks with eight workers, whatever machine it runs on."""

from __future__ import annotations

import argparse
import warnings

import torch
from clicklog import open_log
from ranker import train


def main() -> None:
    """Train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Learn which pages are clicked on")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    print(f"final loss {train(open_log(options.workers, options.seed), options):.4f}")


if __name__ == "__main__":
    main()
