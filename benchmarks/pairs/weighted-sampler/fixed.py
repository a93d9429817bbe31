"""The fixed twin: all rows are drawn by one call before the first step."""

from __future__ import annotations

import torch
from detector import batches, detect, options_of
from torch.utils.data import WeightedRandomSampler
from transfers import Transfers


def main() -> None:
    """Train, and print the final loss."""
    options = options_of("Detect fraud")
    data = Transfers(1300, options.seed)
    order = WeightedRandomSampler(
        data.importance(),
        options.steps * options.batch_size,
        generator=torch.Generator().manual_seed(options.seed),
    )
    print(f"final loss {detect(batches(data, order, options)):.4f}")


if __name__ == "__main__":
    main()
