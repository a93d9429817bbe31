"""The land-cover network, in the shape that a light training harness takes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import torch
from bundle import COVERS
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


def cli() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Name the land cover of a tile")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--strips", type=int, default=2, help="strips in a batch")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class CoverModule(nn.Module):
    """Network, loss and optimizer in one place."""

    def __init__(self, wide: int = 16) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, wide, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(wide, 2 * wide, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * wide, 2 * wide, 3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Linear(2 * wide, COVERS)

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        """Return scores of the covers."""
        scores: torch.Tensor = self.head(self.body(tiles.float() / 128 - 1).mean((2, 3)))
        return scores

    def training_step(self, batch: Any) -> Any:
        """Return the loss of a batch."""
        tiles, covers = (torch.as_tensor(part) for part in batch)
        return nn.functional.cross_entropy(self(tiles), covers)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer."""
        return torch.optim.SGD(self.parameters(), lr=0.02, momentum=0.9, nesterov=True)


def fit(module: CoverModule, loader: DataLoader[Any]) -> float:
    """Run the module over the loader once; return the last loss."""
    optimizer, loss = module.configure_optimizers(), torch.zeros(())
    watch.enter("data_loading")
    for number, batch in enumerate(loader):
        watch.enter("compute")
        loss = module.training_step(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if number % 50 == 0:
            watch.enter("logging_checkpoint")
            print(f"[{number}] loss={loss.item():.3f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return loss.item()
