"""Train an autoencoder of shopping baskets, its state saved every few steps so that little is ever lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from baskets import BasketModel, parse
from engine import Engine
from handlers import KeepLatest, say_loss


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Complete shopping baskets")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    engine = Engine(BasketModel(options.width), options)
    with tempfile.TemporaryDirectory() as folder:
        engine.on("step_done", KeepLatest(Path(folder), every=5))
        engine.on("step_done", say_loss)
        print(f"final loss {engine.run():.4f}")


if __name__ == "__main__":
    main()
