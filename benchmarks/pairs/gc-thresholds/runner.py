"""Play-lists, the model, and the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from config import PLAYED, SONGS, Config
from stopwatch import watch
from torch import nn

if TYPE_CHECKING:
    from review import Recent


class NextSong(nn.Module):
    """Scores what comes next from the songs before: a causal convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(SONGS, width)
        self.mix = nn.Conv1d(width, 2 * width, kernel_size=4)
        self.score = nn.Linear(2 * width, SONGS)

    def forward(self, songs: torch.Tensor) -> torch.Tensor:
        """Return scores (lists, songs, which) for the song after each."""
        before = nn.functional.pad(self.embed(songs).transpose(1, 2), (3, 0))
        scores: torch.Tensor = self.score(torch.relu(self.mix(before)).transpose(1, 2))
        return scores


def play(config: Config) -> Iterator[torch.Tensor]:
    """Yield batches of play-lists: songs a little further on, mostly."""
    draw = torch.Generator().manual_seed(config.seed)
    for _ in range(config.steps):
        first = torch.randint(0, SONGS, (config.lists, 1), generator=draw)
        strides = torch.randint(1, 4, (config.lists, PLAYED), generator=draw)
        yield (first + strides.cumsum(1)) % SONGS


def run(config: Config, recent: Recent) -> float:
    """Return the last loss."""
    model = NextSong(config.width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    criterion, last = nn.CrossEntropyLoss(), 0.0
    watch.enter("data_loading")
    for step, songs in enumerate(play(config), 1):
        watch.enter("compute")
        wanted = songs[:, 1:]
        scores = model(songs[:, :-1])
        loss = criterion(scores.flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        seen = scores.detach()
        outcome = torch.stack([seen.gather(2, wanted[:, :, None]).squeeze(2), seen.amax(2)], 2)
        watch.enter("host_work")
        recent.remember(outcome)
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {last:.4f}, right of late {recent.steady():.1%}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
