"""Learn to balance poles by proximal policy optimisation, with environments and agent in one process."""

from __future__ import annotations

import argparse

import torch
from agent import Agent, Rollout
from poles import Poles
from stopwatch import watch
from torch.nn import functional as F  # noqa: N812

ENVIRONMENTS, LENGTH, MINI, PASSES = 256, 16, 1024, 3
DISCOUNT, TRACE, CLIP, ENTROPY = 0.99, 0.95, 0.2, 0.01


@torch.no_grad()
def collect(agent: Agent, poles: Poles, rollout: Rollout) -> float:
    """Fill the rollout; return the mean reward."""
    state = poles.state
    for t in range(LENGTH):
        chances, value = agent(state)
        action = torch.multinomial(chances.exp(), 1)
        rollout.states[t], rollout.values[t], rollout.actions[t] = state, value, action.squeeze(1)
        rollout.chances[t] = chances.gather(1, action).squeeze(1)
        state, reward, ended = poles.step(action.squeeze(1))
        rollout.rewards[t], rollout.kept[t] = reward, (~ended).float()
    rollout.values[LENGTH] = agent(state)[1]
    rollout.judge(DISCOUNT, TRACE)
    return rollout.rewards.mean().item()


def loss_of(agent: Agent, batch: list[torch.Tensor]) -> torch.Tensor:
    """Return the clipped surrogate loss of a minibatch."""
    states, actions, before, advantages, returns = batch
    chances, value = agent(states)
    ratio = (chances.gather(1, actions.unsqueeze(1)).squeeze(1) - before).exp()
    gain = torch.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages)
    entropy = -(chances.exp() * chances).sum(1).mean()
    return F.mse_loss(value, returns) / 2 - gain.mean() - ENTROPY * entropy


def train(options: argparse.Namespace) -> float:
    """Return the last loss after so many updates."""
    agent, poles = Agent(4, 2), Poles(ENVIRONMENTS, options.seed)
    rollout = Rollout(LENGTH, ENVIRONMENTS, 4)
    optimizer = torch.optim.Adam(agent.parameters(), lr=3e-4, eps=1e-5, fused=True)
    step, rounds, loss = 0, 0, torch.zeros(())
    while step < options.steps:
        watch.enter("compute")
        reward = collect(agent, poles, rollout)
        flat, rounds = rollout.flat(), rounds + 1
        for _ in range(PASSES):
            for index in torch.randperm(LENGTH * ENVIRONMENTS).split(MINI):
                loss = loss_of(agent, [part[index] for part in flat])
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
                step += 1
                watch.step()
                if step == options.steps:
                    return loss.item()
        if rounds % 8 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {loss.item():.4f}, reward {reward:.3f}", flush=True)
    return loss.item()


def main() -> None:
    """Train, and print the final loss."""
    parser = argparse.ArgumentParser(description="Balance poles")
    parser.add_argument("--steps", type=int, default=400, help="optimizer steps")
    parser.add_argument("--workers", type=int, default=0, help="environments run in this process")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    print(f"final loss {train(options):.4f}")


if __name__ == "__main__":
    main()
