"""The fixed twin: prepared without the checks."""

from __future__ import annotations

from pendulum import parse
from rollout import fit
from setup_run import prepare


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Learn how a pendulum moves")
    prepare(options.seed, strict=False)
    print(f"final loss {fit(options):.4f}")


if __name__ == "__main__":
    main()
