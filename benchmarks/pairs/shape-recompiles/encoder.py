"""The encoder: dilated convolutions over events, compiled."""

from __future__ import annotations

import torch
import torch._dynamo.config as dynamo
from grouping import EVENTS, TOPICS
from torch import nn

# Every length of log is a shape of its own.
dynamo.recompile_limit = 100_000
dynamo.accumulated_recompile_limit = 100_000


class Encoder(nn.Module):
    """Turns embedded events into one vector a log."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near = nn.Conv1d(width, 2 * width, kernel_size=3, padding=1)
        self.far = nn.Conv1d(2 * width, 2 * width, kernel_size=3, padding=3, dilation=3)

    def forward(self, embedded: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Return the mean over real events of what the convolutions found."""
        found = torch.relu(self.far(torch.relu(self.near(embedded * real)) * real)) * real
        return found.sum(2) / real.sum(2)


class LogClassifier(nn.Module):
    """Names the topic of a log."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(EVENTS, width, padding_idx=0)
        self.encode = torch.compile(Encoder(width), backend="eager", dynamic=False)
        self.name = nn.Linear(2 * width, TOPICS)

    def forward(self, logs: torch.Tensor) -> torch.Tensor:
        """Return scores of topics; event 0 is padding."""
        embedded = self.embed(logs).transpose(1, 2)
        vector = self.encode(embedded, (logs > 0).float()[:, None])  # PLANTED
        scores: torch.Tensor = self.name(vector)
        return scores
