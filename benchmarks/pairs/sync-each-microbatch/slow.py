"""Train on two ranks with eight micro-batches an update, and gradients averaged after each of them."""

from __future__ import annotations

from gradients import Accumulator
from worker import parse, start


def main() -> None:
    """Train; the first rank prints the final loss."""
    start(Accumulator, parse("Learn to rank answers on two ranks"))


if __name__ == "__main__":
    main()
