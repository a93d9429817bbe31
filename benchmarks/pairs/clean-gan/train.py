"""Train a generative adversarial network on glyphs: critic and generator take turns."""

from __future__ import annotations

import argparse

import torch
from glyphs import draw, load
from networks import NOISE, make_critic, make_generator
from stopwatch import watch
from torch import nn
from torch.nn import functional as F  # noqa: N812


def update_critic(
    critic: nn.Module, generator: nn.Module, real: torch.Tensor, optimizer: torch.optim.Optimizer
) -> torch.Tensor:
    """Return the critic's hinge loss after one step on drawn and generated glyphs."""
    with torch.no_grad():
        fake = generator(torch.randn(len(real), NOISE))
    drawn, made = critic(torch.cat((real, fake))).chunk(2)
    loss = F.relu(1 - drawn).mean() + F.relu(1 + made).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def update_generator(
    critic: nn.Module, generator: nn.Module, count: int, optimizer: torch.optim.Optimizer
) -> torch.Tensor:
    """Return the generator's loss after one step; the critic's weights need no gradients here."""
    critic.requires_grad_(requires_grad=False)
    loss = -critic(generator(torch.randn(count, NOISE))).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    critic.requires_grad_(requires_grad=True)
    return loss.detach()


def main() -> None:
    """Train, and print the final loss of the critic."""
    parser = argparse.ArgumentParser(description="Generate glyphs")
    parser.add_argument("--steps", type=int, default=400, help="turns of critic and generator")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    loader = load(draw(2048, options.seed), options.batch_size, options.steps, options.workers)
    generator, critic = make_generator(20), make_critic(20)
    optimizer_c = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.99), fused=True)
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.99), fused=True)
    loss_c = loss_g = torch.zeros(())
    watch.enter("data_loading")
    for step, (real,) in enumerate(loader, 1):
        watch.enter("compute")
        loss_c = update_critic(critic, generator, real, optimizer_c)
        loss_g = update_generator(critic, generator, len(real), optimizer_g)
        if step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: critic {loss_c.item():.4f}, generator {loss_g.item():.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    print(f"final loss {loss_c.item():.4f}")


if __name__ == "__main__":
    main()
