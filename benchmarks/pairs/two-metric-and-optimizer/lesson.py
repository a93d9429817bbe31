"""What the slow side and its fixed twin share: options and the loop."""

from __future__ import annotations

import argparse

import torch
from handwriting import Archive, Lines, batches
from quality import error_rate
from reader import Reader
from stopwatch import watch
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader


def prepare(description: str) -> tuple[Reader, DataLoader[Lines]]:
    """Return a reader, and what it is to read, as the command line says."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=38)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    loader = batches(Archive(2048, options.seed), options.batch_size, options.steps, options.workers)
    return Reader(112), loader


def teach(reader: Reader, loader: DataLoader[Lines], optimizer: torch.optim.Optimizer, judge: int) -> float:
    """Return the last loss; the error rate is worked out every `judge` steps."""
    rate, loss = 1.0, torch.zeros(())
    watch.enter("data_loading")
    for step, (ink, writers, letters) in enumerate(loader, 1):
        watch.enter("compute")
        scores = reader(ink, writers)
        loss = F.cross_entropy(scores.flatten(0, 1), letters.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()  # PLANTED
        if step % judge == 0:
            watch.enter("host_work")
            rate = error_rate(scores.detach(), letters)
        if step % 50 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {loss.item():.4f}, {rate:.1%} of letters wrong", flush=True)
        watch.step()
        watch.enter("data_loading")
    return loss.item()
