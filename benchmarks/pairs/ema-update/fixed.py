"""The fixed twin: one call moves all averages in place, every ten updates by as much as ten would."""

from __future__ import annotations

import torch
from denoiser import build, parse, train
from ema import ModelEma
from torch import nn

EVERY = 10


class GroupedEma(ModelEma):
    """Keeps lists of weights and averages, instead of asking the model for its state each time."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model, decay)
        names = [name for name, value in model.state_dict().items() if value.is_floating_point()]
        state = model.state_dict()
        self.live, self.averages = [state[name] for name in names], [self.shadow[name] for name in names]

    @torch.no_grad()
    def update(self) -> None:
        if self.updates % EVERY == 0:
            decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
            torch._foreach_lerp_(self.averages, self.live, 1 - decay**EVERY)


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Remove noise from image patches")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = build(options.width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    averaged = GroupedEma(model, decay=0.999)
    averaged.attach(optimizer)
    print(f"final loss {train(model, optimizer, averaged, options):.4f}")


if __name__ == "__main__":
    main()
