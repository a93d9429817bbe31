"""The fixed twin: counts a batch of tags by one call."""

from __future__ import annotations

import torch
from confusion import summary
from loop import run
from tagging import PAD, TAGS, parse


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Tag the tokens of reports")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    table = torch.zeros(TAGS * TAGS, dtype=torch.long)

    def count(wanted: torch.Tensor, guessed: torch.Tensor) -> None:
        pairs = (wanted * TAGS + guessed)[wanted != PAD]
        table.add_(torch.bincount(pairs, minlength=TAGS * TAGS))

    loss = run(options, count, lambda: summary(table.view(TAGS, TAGS).tolist()))
    print(f"final loss {loss:.4f}")


if __name__ == "__main__":
    main()
