"""A text made by a chain of letters, cut into windows for training."""

from __future__ import annotations

from collections.abc import Iterator

import torch

LETTERS, LENGTH, WINDOWS = 40, 64, 10


def write(length: int, draw: torch.Generator) -> torch.Tensor:
    """Return a text in which each letter follows from one of its neighbours two or three places before."""
    follows = torch.randint(0, LETTERS, (2, LETTERS), generator=draw)
    noise = torch.randint(0, LETTERS, (length,), generator=draw).tolist()
    coin = torch.rand(length, generator=draw).tolist()
    first, second = (row.tolist() for row in follows)
    text = noise[:3]
    for place in range(3, length):
        if coin[place] < 0.7:
            text.append(first[text[-2]] if coin[place] < 0.4 else second[text[-3]])
        else:
            text.append(noise[place])
    return torch.tensor(text)


def windows(text: torch.Tensor, steps: int, draw: torch.Generator) -> Iterator[torch.Tensor]:
    """Yield batches of windows, one letter longer than the model sees."""
    every = text.unfold(0, LENGTH + 1, 1)
    starts = torch.randint(0, len(every), (steps, WINDOWS), generator=draw)
    for start in starts:
        yield every[start]
