"""Train on batches that four threads put together, over a pool of a single connection."""

from __future__ import annotations

from ranker import run

if __name__ == "__main__":
    run(connections=1)
