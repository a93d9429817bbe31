"""Put the parts of a run together, around the way in which studies are read."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from stream import Stream, keep
from studies import Studies, write_studies
from torch.utils.data import DataLoader
from trainer import Outliner, Trainer, tell

COUNT = 24


def outline(kind: type[Studies]) -> None:
    """Train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Outline organs in CT slices")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    trainer = Trainer(Outliner())
    trainer.every(100, tell)
    with tempfile.TemporaryDirectory() as name:
        write_studies(Path(name), COUNT, options.seed)
        stream = Stream(kind(Path(name)), COUNT, options.steps)
        loader = DataLoader(stream, batch_size=None, collate_fn=keep, num_workers=options.workers)
        trainer.run(loader)
    print(f"final loss {trainer.loss:.4f}")
