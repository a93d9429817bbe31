"""The fixed twin: the correlation from six running sums."""

from __future__ import annotations

import torch
from callbacks import CorrelationMeter, ScoreKeeper
from demand import Demand, parse
from trainer import Reporter, Trainer


class RunningCorrelation(CorrelationMeter):
    """Keeps count, sums, sums of squares and of products."""

    def __init__(self, said: torch.Tensor, came: torch.Tensor) -> None:
        super().__init__(torch.zeros(0), torch.zeros(0))
        self.sums = torch.zeros(3, 3, dtype=torch.float64)
        self.update(said, came)

    def update(self, said: torch.Tensor, came: torch.Tensor) -> None:
        rows = torch.stack([torch.ones_like(said), said, came]).double()
        self.sums += rows @ rows.t()

    def value(self) -> float:
        (count, said, came), (_, said2, both), (_, _, came2) = self.sums.tolist()
        spread = (count * said2 - said**2) * (count * came2 - came**2)
        return float((count * both - said * came) / spread**0.5)


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Forecast how many ride")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    demand = Demand(options)
    keeper = ScoreKeeper(RunningCorrelation(*demand.said_before()))
    trainer = Trainer(demand, [keeper, Reporter(keeper)])
    print(f"final loss {trainer.fit(options.steps):.4f}")


if __name__ == "__main__":
    main()
