"""Policy, value, and the buffer that holds what was tried since the last update."""

from __future__ import annotations

import torch
from torch import nn


class Agent(nn.Module):
    """A policy and a value on top of one body."""

    def __init__(self, inputs: int, actions: int, width: int = 256) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.policy, self.value = nn.Linear(width, actions), nn.Linear(width, 1)
        nn.init.orthogonal_(self.policy.weight, gain=0.01)

    def forward(self, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log-probabilities of the actions, and the value."""
        hidden = self.body(state)
        return self.policy(hidden).log_softmax(1), self.value(hidden).squeeze(1)


class Rollout:
    """States, actions and rewards of a few steps of all environments, kept in place."""

    def __init__(self, length: int, count: int, inputs: int) -> None:
        self.states = torch.zeros(length, count, inputs)
        self.actions = torch.zeros(length, count, dtype=torch.long)
        self.chances, self.values = torch.zeros(length, count), torch.zeros(length + 1, count)
        self.rewards, self.kept = torch.zeros(length, count), torch.zeros(length, count)
        self.advantages = torch.zeros(length, count)

    def judge(self, discount: float, trace: float) -> None:
        """Work out the advantages, from the last step to the first."""
        ahead = torch.zeros_like(self.advantages[0])
        surprise = self.rewards + discount * self.values[1:] * self.kept - self.values[:-1]
        for t in reversed(range(len(self.rewards))):
            ahead = surprise[t] + discount * trace * self.kept[t] * ahead
            self.advantages[t] = ahead

    def flat(self) -> tuple[torch.Tensor, ...]:
        """Return states, actions, chances, advantages and returns, one row for each step taken."""
        spread = (self.advantages - self.advantages.mean()) / (self.advantages.std() + 1e-6)
        returns = self.advantages + self.values[:-1]
        kept = (self.states, self.actions, self.chances, spread, returns)
        return tuple(part.flatten(0, 1) for part in kept)
