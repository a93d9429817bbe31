"""The loop that the slow script and its fixed twin share."""

from __future__ import annotations

import argparse

import torch
from decoder import WORDS, Decoder, Watches
from timing import timing
from torch.nn import functional


def parse() -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description="Train a decoder")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--length", type=int, default=384)
    parser.add_argument("--depth", type=int, default=10)
    return parser.parse_args()


def train(watch: Watches | None, options: argparse.Namespace) -> None:
    """Train on random words that lie on the device, and print the last loss."""
    torch.manual_seed(0)
    model = Decoder(options.depth, watch).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    words = torch.randint(0, WORDS, (64, options.batch_size, options.length + 1), device="cuda")
    loss = torch.zeros(())
    for step in range(options.steps):
        batch = words[step % 64]
        with torch.autocast("cuda", torch.bfloat16):
            logits = model(batch[:, :-1])
            loss = functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        timing.step()
    timing.end()
    print(f"final loss {loss.item():.4f}")
