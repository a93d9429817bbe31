"""Train on reviews that are brought to one length word by word, for each batch."""

from __future__ import annotations

from rating import Training, collate, parse
from reviews import Reviews


def main() -> None:
    """Train, and print the final loss."""
    options = parse()
    print(f"final loss {Training(Reviews(2000, options.seed), collate, options).run():.4f}")


if __name__ == "__main__":
    main()
