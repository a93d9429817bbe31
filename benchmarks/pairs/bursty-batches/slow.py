"""Train on runs of a detector, with one batch ahead of the model."""

from __future__ import annotations

from tagger import run

if __name__ == "__main__":
    print(f"final loss {run(ahead=1):.4f}")
