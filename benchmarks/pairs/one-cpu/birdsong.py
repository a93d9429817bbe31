"""A recurrent network that names the bird in a spectrogram, and its training."""

from __future__ import annotations

from typing import Any

import torch
from songs import BANDS, BIRDS, FRAMES, stream
from stopwatch import watch
from torch import nn


class Listener(nn.Module):
    """Looks at short stretches of frames, then at all of them."""

    def __init__(self, wide: int = 256) -> None:
        super().__init__()
        self.level = nn.BatchNorm1d(BANDS)
        self.stretch = nn.Sequential(nn.Linear(4 * BANDS, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU())
        self.whole = nn.Sequential(nn.Linear(wide * FRAMES // 4, wide), nn.ReLU(), nn.Linear(wide, BIRDS))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return a score for each bird."""
        level = self.level(frames.transpose(1, 2)).transpose(1, 2)
        stretches = self.stretch(level.reshape(len(frames), FRAMES // 4, 4 * BANDS))
        scores: torch.Tensor = self.whole(stretches.flatten(1))
        return scores


def train(steps: int, workers: int, seed: int) -> float:
    """Return the last loss after so many steps."""
    model = Listener()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    last = 0.0
    watch.enter("data_loading")
    for done, (frames, birds) in enumerate(stream(steps, workers, seed), 1):
        watch.enter("compute")
        scores = model(torch.from_numpy(frames).float())
        loss: Any = nn.functional.cross_entropy(scores, torch.from_numpy(birds), label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
        watch.enter("host_work")
        schedule.step()
        if done % 50 == 0:
            watch.enter("logging_checkpoint")
            print(f"{done:5d}/{steps} loss {last:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
