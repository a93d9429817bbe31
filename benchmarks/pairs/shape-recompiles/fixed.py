"""The fixed twin: logs are padded to one of three lengths, and each is compiled for before the first step."""

from __future__ import annotations

import torch
from encoder import LogClassifier
from grouping import LONGEST, LengthGroups, parse
from torch.nn import functional
from train_logs import train

LADDER = (128, 192, LONGEST)


class PaddedGroups(LengthGroups):
    """The same logs, padded to the next length of the ladder."""

    def shape(self, logs: torch.Tensor) -> torch.Tensor:
        length = next(rung for rung in LADDER if rung >= logs.shape[1])
        return functional.pad(logs, (0, length - logs.shape[1]))


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Tell what a log is about")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = LogClassifier(options.width)
    for length in LADDER:
        model(torch.ones(options.batch_size, length, dtype=torch.long)).sum().backward()
    model.zero_grad()
    print(f"final loss {train(model, PaddedGroups(options), options):.4f}")


if __name__ == "__main__":
    main()
