"""Name the rhythm of heartbeats; each beat is levelled when it is drawn, each step is written down."""

from __future__ import annotations

import tempfile
from pathlib import Path

from beats import Heartbeats, serve
from diary import DurableFile, open_diary
from rhythm import Session, parse


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Name the rhythm of heartbeats")
    with tempfile.TemporaryDirectory() as folder:
        diary = open_diary(Path(folder) / "diary.log", DurableFile)
        last = Session(diary, every=1).run(serve(Heartbeats(1024, options.seed), options))
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
