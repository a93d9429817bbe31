"""The fixed twin: what is alive after set-up is frozen, and Python collects when it must."""

from __future__ import annotations

import gc

import torch
from housekeeping import Housekeeper
from matching import Matcher, parse
from products import ProductIndex
from session import Session


class LazyHousekeeper(Housekeeper):
    """Only measures."""

    def release(self) -> None:
        """Leave cycles to Python."""


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Learn which products go together")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    index = ProductIndex(options.seed)
    session = Session(Matcher(len(index), options.width), index, LazyHousekeeper(), options)
    gc.collect()
    gc.freeze()
    for _ in range(options.steps):
        session.advance()
    print(f"final loss {session.loss:.4f}")


if __name__ == "__main__":
    main()
