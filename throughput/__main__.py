"""Turn `python -m throughput` into the command line."""

from __future__ import annotations

from throughput.cli import main

if __name__ == "__main__":
    main()
