"""Train a denoiser of image patches, and move an average of its weights after every update."""

from __future__ import annotations

import torch
from denoiser import build, parse, train
from ema import ModelEma


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Remove noise from image patches")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = build(options.width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    averaged = ModelEma(model, decay=0.999)
    averaged.attach(optimizer)
    print(f"final loss {train(model, optimizer, averaged, options):.4f}")


if __name__ == "__main__":
    main()
