"""Tickets as bags of word numbers, each meant for one desk."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch

WORDS, LENGTH, DESKS, TICKETS = 4000, 40, 16, 12_000


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


@dataclass(frozen=True)
class Tickets:
    """Words (tickets, LENGTH) and desks (tickets,)."""

    words: torch.Tensor
    desks: torch.Tensor


def shape_tickets(seed: int) -> Tickets:
    """Return tickets: a third of each one's words are its desk's."""
    draw = torch.Generator().manual_seed(seed)
    desks = torch.randint(0, DESKS, (TICKETS,), generator=draw)
    words = torch.randint(0, WORDS, (TICKETS, LENGTH), generator=draw)
    typical = words // DESKS * DESKS + desks[:, None]
    picked = torch.rand(TICKETS, LENGTH, generator=draw) < 0.33
    return Tickets(torch.where(picked, typical, words), desks)
