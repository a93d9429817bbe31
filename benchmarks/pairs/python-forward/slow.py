"""Train a bird-call classifier whose front end follows the loudness of each band frame by frame."""

from __future__ import annotations

import torch
from classifier import CallClassifier
from frontend import LoudnessNorm
from trainer import fit, parse


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Name the bird that calls")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = CallClassifier(LoudnessNorm(rate=0.02), options.width)
    print(f"final loss {fit(model, options):.4f}")


if __name__ == "__main__":
    main()
