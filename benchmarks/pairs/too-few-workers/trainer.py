"""A small trainer: it owns the model, the optimizer and the loop."""

from __future__ import annotations

import torch
from products import DEPARTMENTS, ProductDataModule
from stopwatch import watch
from torch import nn


class Trainer:
    """Trains a classifier of photos."""

    def __init__(self, steps: int, width: int = 34) -> None:
        self.steps = steps
        self.model = nn.Sequential(
            nn.Conv2d(3, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, DEPARTMENTS),
        )
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

    def fit(self, data: ProductDataModule) -> float:
        """Return the last loss."""
        data.setup()
        last = torch.zeros(())
        watch.enter("data_loading")
        for photos, departments in data.train_dataloader(self.steps):
            watch.enter("compute")
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(photos), torch.tensor(departments))
            loss.backward()
            self.optimizer.step()
            last = loss.detach()
            watch.step()
            watch.enter("data_loading")
        return float(last)
