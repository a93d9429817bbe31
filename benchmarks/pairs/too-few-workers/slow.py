"""Train on photos that a single worker fetches from a store one after the other."""

from __future__ import annotations

import argparse

import torch
from products import ProductDataModule
from trainer import Trainer

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Sort product photos into departments")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    print(f"final loss {Trainer(options.steps).fit(ProductDataModule(options.workers, options.seed)):.4f}")
