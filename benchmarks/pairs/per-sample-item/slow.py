"""Train a tagger of tokens, and count after each batch which tag it gave instead of which."""

from __future__ import annotations

import torch
from confusion import count_tags, new_table, summary
from loop import run
from tagging import parse


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Tag the tokens of reports")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    table = new_table()
    loss = run(options, lambda wanted, guessed: count_tags(table, wanted, guessed), lambda: summary(table))
    print(f"final loss {loss:.4f}")


if __name__ == "__main__":
    main()
