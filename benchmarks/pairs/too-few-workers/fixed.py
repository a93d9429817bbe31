"""The fixed twin: six workers have as many requests under way; they hardly need a CPU."""

from __future__ import annotations

import argparse
import warnings

import torch
from products import ProductDataModule
from trainer import Trainer

WORKERS = 6


def main() -> None:
    """Train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Sort product photos into departments")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=WORKERS, help="raised to six where it is less")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    data = ProductDataModule(max(WORKERS, options.workers), options.seed)
    print(f"final loss {Trainer(options.steps).fit(data):.4f}")


if __name__ == "__main__":
    main()
