"""The fixed twin: the level of all frames by two matrix products, within short blocks and across them."""

from __future__ import annotations

import torch
from classifier import CallClassifier
from frontend import LoudnessNorm
from trainer import FRAMES, fit, parse

BLOCK = 40


class BlockedLoudnessNorm(LoudnessNorm):
    """The same levels: a block's own frames, and what is left of the blocks before."""

    inside: torch.Tensor
    across: torch.Tensor
    fading: torch.Tensor

    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        keep, at, block = 1 - rate, torch.arange(BLOCK), torch.arange(FRAMES // BLOCK)
        ages = (at[:, None] - at[None, :]).float()
        gaps = (block[:, None] - block[None, :] - 1).float() * BLOCK
        self.register_buffer("inside", torch.where(ages >= 0, rate * keep ** ages.clamp(min=0), 0.0))
        self.register_buffer("across", torch.where(gaps >= 0, keep ** gaps.clamp(min=0), 0.0))
        self.register_buffer("fading", (keep ** (at + 1.0))[:, None])

    def smooth(self, energy: torch.Tensor) -> torch.Tensor:
        clips, frames, bands = energy.shape
        local = self.inside @ energy.view(clips, -1, BLOCK, bands)
        carried = self.across @ local[:, :, -1]
        return (local + self.fading * carried[:, :, None]).view(clips, frames, bands)


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Name the bird that calls")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model = CallClassifier(BlockedLoudnessNorm(rate=0.02), options.width)
    print(f"final loss {fit(model, options):.4f}")


if __name__ == "__main__":
    main()
