"""Train on two ranks, the second of which was given parts of the data that are still text."""

from __future__ import annotations

import tempfile
from pathlib import Path

from launch import launch, parse
from parts import write_parts

FIRST_TEXT = 2
"""Parts from this one on came in after the rest had been converted."""


def main() -> None:
    """Train; the first rank prints the final loss."""
    options = parse("Tell stars from quasars on two ranks")
    with tempfile.TemporaryDirectory() as folder:
        write_parts(Path(folder), options.seed, FIRST_TEXT)
        launch(Path(folder), options)


if __name__ == "__main__":
    main()
