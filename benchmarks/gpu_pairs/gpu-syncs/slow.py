"""Train a decoder whose every block looks whether its output is finite, and waits for the answer."""

from __future__ import annotations

import torch
from training import parse, train


def refuse_infinite(hidden: torch.Tensor) -> None:
    """Stop the training as soon as a number overflows."""
    if not torch.isfinite(hidden).all():  # PLANTED
        raise FloatingPointError("hidden states are not finite")


if __name__ == "__main__":
    train(refuse_infinite, parse())
