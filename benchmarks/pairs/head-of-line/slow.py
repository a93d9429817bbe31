"""Train on batches that are either all short recordings or all long ones."""

from __future__ import annotations

from batching import ByLength
from training import train

if __name__ == "__main__":
    train(ByLength)
