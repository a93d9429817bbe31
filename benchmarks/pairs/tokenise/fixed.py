"""The fixed twin: transcripts become numbers once, and a batch is some rows of them."""

from __future__ import annotations

import torch
from cleaning import Packer, Tokeniser
from network import fit, settings
from recordings import transcribe
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset


def main() -> None:
    """Train, and print the final loss."""
    asked = settings()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    texts, teams = transcribe(asked.calls, asked.words, asked.seed)
    tokeniser = Tokeniser(texts)
    pack = Packer(tokeniser, asked.length)
    calls = TensorDataset(*pack(list(zip(texts, teams, strict=True))))
    draws = RandomSampler(calls, replacement=True, num_samples=asked.steps * asked.batch_size)
    loader = DataLoader(
        calls,
        batch_size=None,
        sampler=BatchSampler(draws, asked.batch_size, drop_last=True),
        num_workers=asked.workers,
    )
    print(f"final loss {fit(loader, len(tokeniser)):.4f}")


if __name__ == "__main__":
    main()
