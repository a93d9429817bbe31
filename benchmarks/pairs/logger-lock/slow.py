"""Train an autoencoder whose metrics go to a writer that is often busy writing, under its lock."""

from __future__ import annotations

from pathlib import Path

from autoencoder import main
from metrics import MetricsWriter


def open_writer(path: Path) -> MetricsWriter:
    """Return a writer that keeps its file up to date."""
    return MetricsWriter(path, pause_s=0.002)


if __name__ == "__main__":
    main(open_writer)
