"""Train embeddings of products by two optimizers, with memory kept tidy while a large index is alive."""

from __future__ import annotations

import torch
from housekeeping import Housekeeper
from matching import Matcher, parse
from products import ProductIndex
from session import Session


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Learn which products go together")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    index = ProductIndex(options.seed)
    session = Session(Matcher(len(index), options.width), index, Housekeeper(), options)
    for _ in range(options.steps):
        session.advance()
    print(f"final loss {session.loss:.4f}")


if __name__ == "__main__":
    main()
