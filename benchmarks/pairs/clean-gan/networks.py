"""Generator and critic."""

from __future__ import annotations

from torch import nn

NOISE = 48


def make_generator(width: int) -> nn.Sequential:
    """Return a network from noise to glyphs of 32 x 32."""
    return nn.Sequential(
        nn.Linear(NOISE, 2 * width * 64),
        nn.Unflatten(1, (2 * width, 8, 8)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )


def make_critic(width: int) -> nn.Sequential:
    """Return a network from glyphs to a score that is high where they look drawn."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * 64, 1),
    )
