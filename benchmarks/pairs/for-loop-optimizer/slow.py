"""Train a credit-risk network of hundreds of small tensors by Adam, which updates them one by one."""

from __future__ import annotations

import torch
from loans import loan_batches, parse
from network import RiskNetwork
from session import train
from updates import Updater


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Learn who pays back")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = RiskNetwork(options.width)
    updater = Updater(list(model.parameters()), options)
    print(f"final loss {train(model, updater, loan_batches(options)):.4f}")


if __name__ == "__main__":
    main()
