"""The fixed twin: all parts are converted before they are handed out."""

from __future__ import annotations

import tempfile
from pathlib import Path

from launch import launch, parse
from parts import PARTS, write_parts


def main() -> None:
    """Train; the first rank prints the final loss."""
    options = parse("Tell stars from quasars on two ranks")
    with tempfile.TemporaryDirectory() as folder:
        write_parts(Path(folder), options.seed, PARTS)
        launch(Path(folder), options)


if __name__ == "__main__":
    main()
