"""Learn how a pendulum moves, with the checks still on that once found where a NaN came from."""

from __future__ import annotations

from pendulum import parse
from rollout import fit
from setup_run import prepare


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Learn how a pendulum moves")
    prepare(options.seed)
    print(f"final loss {fit(options):.4f}")


if __name__ == "__main__":
    main()
