"""A transformer over pieces of a light curve, and its training loop."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from stopwatch import watch
from survey import EPOCHS, KINDS
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

Batch = tuple[torch.Tensor, torch.Tensor]
PIECE, WIDE = 2048, 48


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="Tell variable stars by their light curves")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="unused: fields are read in the loop")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class StarNet(nn.Module):
    """Pieces of a curve become tokens; their mean tells the kind."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(PIECE, WIDE)
        self.place = nn.Parameter(0.02 * torch.randn(EPOCHS // PIECE, WIDE))
        self.mix = nn.TransformerEncoderLayer(
            WIDE, nhead=4, dim_feedforward=2 * WIDE, dropout=0.0, batch_first=True
        )
        self.head = nn.Linear(WIDE, len(KINDS))

    def forward(self, curves: torch.Tensor) -> torch.Tensor:
        """Return a score for each kind."""
        curves = (curves - curves.mean(1, keepdim=True)) / curves.std(1, keepdim=True)
        tokens = self.mix(self.embed(curves.view(len(curves), -1, PIECE)) + self.place)
        scores: torch.Tensor = self.head(tokens.mean(1))
        return scores


@dataclass
class Fit:
    """One run of training, with its optimizer and its books."""

    model: StarNet = field(default_factory=StarNet)
    right: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=5e-4)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.05)

    def learn(self, curves: torch.Tensor, kinds: torch.Tensor) -> float:
        """Take one step; return its loss."""
        watch.enter("compute")
        scores = self.model(curves)
        loss = self.criterion(scores, kinds)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.right += int((scores.argmax(1) == kinds).sum())
        self.seen += len(kinds)
        return float(loss.detach())

    def run(self, batches: Iterator[Batch]) -> float:
        """Learn from all batches; return the last loss."""
        loss = 0.0
        watch.enter("data_loading")
        for curves, kinds in batches:
            loss = self.learn(curves, kinds)
            watch.enter("host_work")
            if self.seen % 4800 == 0:
                watch.enter("logging_checkpoint")
                print(f"{self.seen} stars: {self.right / self.seen:.1%} right", flush=True)
            watch.step()
            watch.enter("data_loading")
        return loss
