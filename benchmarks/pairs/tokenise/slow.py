"""Route calls to support whose transcripts are taken apart into words for each batch."""

from __future__ import annotations

import torch
from cleaning import Call, Packer, Tokeniser
from network import fit, settings
from recordings import transcribe
from torch.utils.data import DataLoader, Dataset, RandomSampler


class Calls(Dataset[Call]):
    """Transcripts with the team that each is for."""

    def __init__(self, texts: list[str], teams: list[int]) -> None:
        self.texts, self.teams = texts, teams

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> Call:
        return self.texts[index], self.teams[index]


def main() -> None:
    """Train, and print the final loss."""
    asked = settings()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    calls = Calls(*transcribe(asked.calls, asked.words, asked.seed))
    tokeniser = Tokeniser(calls.texts)
    loader = DataLoader(
        calls,
        batch_size=asked.batch_size,
        sampler=RandomSampler(calls, replacement=True, num_samples=asked.steps * asked.batch_size),
        collate_fn=Packer(tokeniser, asked.length),
        num_workers=asked.workers,
    )
    print(f"final loss {fit(loader, len(tokeniser)):.4f}")


if __name__ == "__main__":
    main()
