"""Train a small convolutional network on satellite tiles that fit into memory."""

from __future__ import annotations

import argparse
from itertools import islice

import torch
from convnet import build
from stopwatch import watch
from tiles import BANDS, USES, Tiles
from torch import nn

BATCH = 24


def parse() -> argparse.Namespace:
    """Return the options of one run."""
    parser = argparse.ArgumentParser(description="Name the land use of satellite tiles")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0, help="not needed: tiles are in memory")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Train, and print the final loss."""
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    data, model = Tiles(4096, options.seed), build(BANDS, USES)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=options.lr, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.lr, total_steps=max(10, options.steps + 1)
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    loss = torch.zeros(())
    watch.enter("data_loading")
    for step, (tiles, uses) in enumerate(islice(data.batches(BATCH), options.steps), 1):
        watch.enter("compute")
        scores = model(tiles)
        loss = criterion(scores, uses)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.enter("host_work")
        schedule.step()
        if step % 50 == 0:
            watch.enter("logging_checkpoint")
            right = (scores.argmax(1) == uses).float().mean().item()
            print(f"step {step}: loss {loss.item():.4f}, {right:.0%} right", flush=True)
        watch.step()
        watch.enter("data_loading")
    print(f"final loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
