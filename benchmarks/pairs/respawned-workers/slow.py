"""Train a forecaster in short rounds, each of which starts its own workers."""

from __future__ import annotations

from typing import Any

import torch
from forecaster import BATCH, PER_ROUND, Forecaster, parse
from panel import LoadPanel, RoundSampler
from torch.utils.data import DataLoader


def keep(batch: Any) -> Any:
    """Return a batch that is one already."""
    return batch


def main() -> None:
    """Train, and print the final loss."""
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    panel = LoadPanel(6000, options.seed)
    draws = RoundSampler(len(panel), (PER_ROUND, BATCH), options.seed)
    loader = DataLoader(panel, batch_sampler=draws, collate_fn=keep, num_workers=options.workers)
    print(f"final loss {Forecaster(loader, options.steps).fit():.4f}")


if __name__ == "__main__":
    main()
