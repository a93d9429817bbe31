"""Data, model and training loop that the slow script and its fixed twin share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import torch
from stopwatch import watch
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler

if TYPE_CHECKING:
    from publisher import Publisher

FEATURES, INNER = 256, 32


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=448)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Blocks(Dataset[torch.Tensor]):
    """Points near a plane, stored as ready batches."""

    def __init__(self, blocks: int, options: argparse.Namespace) -> None:
        draw = torch.Generator().manual_seed(options.seed)
        plane = torch.randn(INNER, FEATURES, generator=draw) / INNER**0.5
        self.points = torch.randn(blocks, options.batch_size, INNER, generator=draw) @ plane

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> torch.Tensor:
        block: torch.Tensor = self.points[index]
        return block


def load(options: argparse.Namespace) -> DataLoader[torch.Tensor]:
    """Return a loader of as many batches as there are steps to train."""
    blocks = Blocks(32, options)
    draw = torch.Generator().manual_seed(options.seed)
    order = RandomSampler(blocks, replacement=True, num_samples=options.steps, generator=draw)
    return DataLoader(blocks, batch_size=None, sampler=order, num_workers=options.workers)


def build() -> nn.Module:
    """Return an autoencoder of three hidden layers."""
    layers: list[nn.Module] = []
    for wide in (FEATURES, 384, 384):
        layers += [nn.Linear(wide, 384), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(384, FEATURES))


def train(publisher: Publisher, options: argparse.Namespace) -> float:
    """Return the last loss after as many steps as the options say."""
    loader, model = load(options), build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    criterion, registry, last = nn.MSELoss(), publisher.registry, 0.0
    watch.time_lock(registry, "lock")
    batches = iter(loader)  # forks the workers before there is a second thread
    publisher.thread.start()
    watch.enter("data_loading")
    for step, points in enumerate(batches, 1):
        watch.enter("compute")
        optimizer.zero_grad()
        loss = criterion(model(points), points)
        loss.backward()
        grad: Any = next(model.parameters()).grad
        gradient = grad.flatten().numpy().copy()
        watch.enter("host_work")
        registry.observe_gradient(gradient)
        watch.enter("compute")
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        last = loss.item()
        watch.enter("host_work")
        registry.observe_loss(last)
        if step % 50 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {last:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    publisher.stop()
    return last
