"""The fixed twin: the workers of the first round stay for all others."""

from __future__ import annotations

import torch
from forecaster import BATCH, PER_ROUND, Forecaster, parse
from panel import LoadPanel, RoundSampler
from slow import keep
from torch.utils.data import DataLoader


def main() -> None:
    """Train, and print the final loss."""
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    panel = LoadPanel(6000, options.seed)
    draws = RoundSampler(len(panel), (PER_ROUND, BATCH), options.seed)
    loader = DataLoader(
        panel,
        batch_sampler=draws,
        collate_fn=keep,
        num_workers=options.workers,
        persistent_workers=options.workers > 0,
    )
    print(f"final loss {Forecaster(loader, options.steps).fit():.4f}")


if __name__ == "__main__":
    main()
