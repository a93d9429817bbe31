"""Train a compiled encoder of logs, batch by batch of equally long ones: each length is compiled for anew."""

from __future__ import annotations

import torch
from encoder import LogClassifier
from grouping import LengthGroups, parse
from train_logs import train


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Tell what a log is about")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = LogClassifier(options.width)
    print(f"final loss {train(model, LengthGroups(options), options):.4f}")


if __name__ == "__main__":
    main()
