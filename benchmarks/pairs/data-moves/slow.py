"""Train on telemetry rows that are converted and copied again and again on their way to the model."""

from __future__ import annotations

import torch
from convert import to_model_input
from rows import load, parse
from training import train


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Train on telemetry rows")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    print(f"final loss {train(load(options), to_model_input, options):.4f}")


if __name__ == "__main__":
    main()
