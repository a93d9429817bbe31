"""Train a forecast of ride demand, scored after each step by a correlation over all it has said so far."""

from __future__ import annotations

import torch
from callbacks import CorrelationMeter, ScoreKeeper
from demand import Demand, parse
from trainer import Reporter, Trainer


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Forecast how many ride")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    demand = Demand(options)
    keeper = ScoreKeeper(CorrelationMeter(*demand.said_before()))
    trainer = Trainer(demand, [keeper, Reporter(keeper)])
    print(f"final loss {trainer.fit(options.steps):.4f}")


if __name__ == "__main__":
    main()
