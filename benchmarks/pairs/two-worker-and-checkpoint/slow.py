"""Name organs in slices that one worker unpacks; training is saved every five steps."""

from __future__ import annotations

import tempfile
from pathlib import Path

from keeper import Keeper
from organs import learn, loader, options_of
from slices import Study


def main() -> None:
    """Train, and print the final loss."""
    options = options_of("Name organs in slices of a scanner")
    with tempfile.TemporaryDirectory() as folder:
        last = learn(loader(Study(160, options.seed), options), Keeper(Path(folder), every=5))
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
