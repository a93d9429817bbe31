"""One training session: sparse updates for embeddings, dense ones for the towers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import torch
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from housekeeping import Housekeeper
    from matching import Matcher
    from products import ProductIndex


class Session:
    """Holds what is trained and what it is trained by."""

    def __init__(
        self, model: Matcher, index: ProductIndex, keeper: Housekeeper, options: argparse.Namespace
    ) -> None:
        self.model, self.index, self.keeper, self.options = model, index, keeper, options
        dense = [*model.tower.parameters(), *model.out.parameters()]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.SGD(model.embed.parameters(), lr=0.5),
            torch.optim.AdamW(dense, lr=3e-4, fused=True),
        ]
        self.draw = torch.Generator().manual_seed(options.seed)
        self.criterion = nn.CrossEntropyLoss()
        self.steps, self.loss = 0, 0.0

    def advance(self) -> None:
        """Take one step."""
        watch.enter("data_loading")
        pairs = self.index.pairs
        batch = pairs[torch.randint(0, len(pairs), (self.options.batch_size,), generator=self.draw)]
        watch.enter("compute")
        loss = self.criterion(self.model(batch), torch.arange(len(batch)))
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.loss = loss.item()
        watch.enter("host_work")
        self.keeper.after_step()
        self.steps += 1
        if self.steps % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {self.steps}: loss {self.loss:.4f}, {self.keeper.peak_kib >> 10} MiB", flush=True)
        watch.step()
