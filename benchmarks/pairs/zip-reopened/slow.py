"""Name the land cover of tiles in a zip that is opened again for each of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from bundle import make_bundle
from cover import CoverModule, cli, fit
from tiles import StripSampler, TileSet
from torch.utils.data import DataLoader


def main() -> None:
    """Train, and print the final loss."""
    asked = cli()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tiles.zip")
        make_bundle(path, asked.seed)
        sampler = StripSampler(asked.steps, asked.strips, asked.seed)
        loader = DataLoader(TileSet(path), batch_sampler=sampler, num_workers=asked.workers)
        last = fit(CoverModule(), loader)
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
