"""Train a character-level GPT, with batches cut from a memory-mapped file."""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from corpus import ALPHABET, write
from gpt import GPT, Config
from stopwatch import watch

BATCH, WARM_UP, EVAL_EVERY, EVAL_BATCHES = 6, 40, 200, 3

parser = argparse.ArgumentParser(description="Train a character-level GPT")
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--workers", type=int, default=0, help="accepted for launchers that pass it; unused")
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--seed", type=int, default=0)


def get_batch(split: np.memmap, rng: np.random.Generator, block: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random windows and the same windows one character on."""
    starts = rng.integers(0, len(split) - block, BATCH)
    windows = torch.from_numpy(split[starts[:, None] + np.arange(block + 1)].astype(np.int64))
    return windows[:, :-1], windows[:, 1:]


def rate(step: int, options: argparse.Namespace) -> float:
    """Return the learning rate: a linear rise, then a cosine to a tenth."""
    if step < WARM_UP:
        return float(options.lr) * (step + 1) / WARM_UP
    done = (step - WARM_UP) / max(1, options.steps - WARM_UP)
    return float(options.lr) * (0.55 + 0.45 * math.cos(math.pi * done))


@torch.inference_mode()
def estimate_loss(model: GPT, split: np.memmap, rng: np.random.Generator, block: int) -> float:
    """Return the mean loss over a few batches."""
    model.eval()
    losses = [model(*get_batch(split, rng, block)) for _ in range(EVAL_BATCHES)]
    model.train()
    return float(torch.stack(losses).mean())


def train(folder: Path, options: argparse.Namespace) -> float:
    """Return the last loss."""
    rng = np.random.default_rng(options.seed)
    splits = {name: np.memmap(folder / f"{name}.bin", np.uint16, "r") for name in ("train", "val")}
    config = Config(vocabulary=len(ALPHABET))
    model = GPT(config)
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.lr, betas=(0.9, 0.95), fused=True)
    loss = torch.zeros(())
    for step in range(options.steps):
        watch.enter("data_loading")
        x, y = get_batch(splits["train"], rng, config.block)
        watch.enter("compute")
        for group in optimizer.param_groups:
            group["lr"] = rate(step, options)
        loss = model(x, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % EVAL_EVERY == 0:
            held_out = estimate_loss(model, splits["val"], rng, config.block)
            watch.enter("logging_checkpoint")
            print(f"step {step + 1}: loss {loss.item():.4f}, held out {held_out:.4f}", flush=True)
        watch.step()
    return loss.item()


if __name__ == "__main__":
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), arguments.seed)
        print(f"final loss {train(Path(scratch), arguments):.4f}")
