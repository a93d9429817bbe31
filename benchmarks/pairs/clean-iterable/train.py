"""Train a convolutional language model on a stream of packed token blocks."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from convlm import ConvLM
from shards import VOCABULARY, stream, write_shards
from stopwatch import watch
from torch.nn import functional as F  # noqa: N812

BLOCK, BATCH = 96, 8


def train(blocks: Iterable[np.ndarray], steps: int) -> float:
    """Return the last loss."""
    model = ConvLM(VOCABULARY, width=96, layers=3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=100)
    loss, seen = torch.zeros(()), 0
    watch.enter("data_loading")
    for step, packed in enumerate(islice(blocks, steps), 1):
        watch.enter("compute")
        block = torch.from_numpy(packed)
        scores = model(block[:, :-1])
        loss = F.cross_entropy(scores.flatten(0, 1), block[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.enter("host_work")
        warm_up.step()
        seen += scores.shape[0] * scores.shape[1]
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {loss.item():.4f} after {seen:,} tokens", flush=True)
        watch.step()
        watch.enter("data_loading")
    return loss.item()


def main() -> None:
    """Write the shards, train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Train a language model on packed blocks")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_shards(Path(folder), 8, options.seed)
        last = train(stream(paths, BLOCK, BATCH, options.workers, options.seed), options.steps)
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
