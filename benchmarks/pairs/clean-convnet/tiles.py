"""Satellite tiles of four bands, kept in memory as bytes, with the land use of each."""

from __future__ import annotations

from collections.abc import Iterator

import torch

BANDS, SIDE, USES = 4, 32, 10


class Tiles:
    """All tiles of a region; batches are taken by index and scaled on the way out."""

    def __init__(self, count: int, seed: int) -> None:
        self.draw = torch.Generator().manual_seed(seed)
        texture = torch.rand(USES, BANDS, SIDE, SIDE, generator=self.draw)
        uses = torch.randint(0, USES, (count,), generator=self.draw)
        noise = torch.rand(count, BANDS, SIDE, SIDE, generator=self.draw)
        self.pixels = (texture[uses] * 110 + noise * 145).to(torch.uint8)
        # Surveyors disagree on one tile in six.
        guess = torch.randint(0, USES, (count,), generator=self.draw)
        self.uses = torch.where(torch.rand(count, generator=self.draw) < 1 / 6, guess, uses)

    def batches(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield batches without end, in a new order each epoch; an incomplete last one is left out."""
        whole = len(self.uses) // size * size
        while True:
            order = torch.randperm(len(self.uses), generator=self.draw)[:whole]
            for index in order.split(size):
                yield self.pixels[index].float().sub_(127.5).div_(64.0), self.uses[index]
