"""The fixed twin: the same Adam in its fused form."""

from __future__ import annotations

import torch
from loans import loan_batches, parse
from network import RiskNetwork
from session import train
from updates import Updater


class FusedUpdater(Updater):
    """Updates all parameters in one call."""

    def choose(self, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.peak, betas=(0.9, 0.98), fused=True)


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Learn who pays back")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = RiskNetwork(options.width)
    updater = FusedUpdater(list(model.parameters()), options)
    print(f"final loss {train(model, updater, loan_batches(options)):.4f}")


if __name__ == "__main__":
    main()
