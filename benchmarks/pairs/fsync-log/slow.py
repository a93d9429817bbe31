"""Train a weather forecast, with the gradient of each layer written to disk at every step."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from forecast import Forecaster, parse, train
from journal import MetricLogger
from watchers import LayerWatcher


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Forecast the next hours")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = Forecaster(options.width)
    with tempfile.TemporaryDirectory() as folder:
        logger = MetricLogger(Path(folder) / "metrics.jsonl")
        watcher = LayerWatcher(model, logger, every=1)
        print(f"final loss {train(model, watcher, options):.4f}")
        logger.close()


if __name__ == "__main__":
    main()
