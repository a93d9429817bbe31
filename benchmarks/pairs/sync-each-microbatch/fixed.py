"""The fixed twin: gradients are averaged once an update."""

from __future__ import annotations

import torch
from gradients import Accumulator, Micro
from worker import parse, start


class LateAccumulator(Accumulator):
    """Averages after the last micro-batch only."""

    def add(self, micro: Micro, count: int, *, last: bool) -> torch.Tensor:
        if last:
            return self.backpropagate(micro, count)
        with self.model.no_sync():
            return self.backpropagate(micro, count)


def main() -> None:
    """Train; the first rank prints the final loss."""
    start(LateAccumulator, parse("Learn to rank answers on two ranks"))


if __name__ == "__main__":
    main()
