"""The fixed twin: sixteen batches ahead, two runs' worth, so that the next run is built in time."""

from __future__ import annotations

from tagger import run

if __name__ == "__main__":
    print(f"final loss {run(ahead=16):.4f}")
