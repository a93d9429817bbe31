"""The fixed twin: the same journal every 50 steps, flushed when it is closed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from forecast import Forecaster, parse, train
from journal import MetricLogger
from watchers import LayerWatcher


class BufferedLogger(MetricLogger):
    """Leaves it to the file's buffer when to write."""

    def settle(self) -> None:
        """Do nothing: closing the file flushes it."""


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Forecast the next hours")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = Forecaster(options.width)
    with tempfile.TemporaryDirectory() as folder:
        logger = BufferedLogger(Path(folder) / "metrics.jsonl")
        watcher = LayerWatcher(model, logger, every=50)
        print(f"final loss {train(model, watcher, options):.4f}")
        logger.close()


if __name__ == "__main__":
    main()
