"""Train on transfers that are drawn by importance, one after the other."""

from __future__ import annotations

from detector import batches, detect, options_of
from draws import ImportanceSampler
from transfers import Transfers


def main() -> None:
    """Train, and print the final loss."""
    options = options_of("Detect fraud")
    data = Transfers(1300, options.seed)
    wanted = options.steps * options.batch_size
    order = ImportanceSampler(data.importance(), wanted, options.seed)
    print(f"final loss {detect(batches(data, order, options)):.4f}")


if __name__ == "__main__":
    main()
