"""What can be set for a run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Settings, from the command line."""

    steps: int
    workers: int
    seed: int
    lists: int
    """Play-lists in a batch."""
    width: int
    kept: int
    """Batches that can be gone back to."""

    @classmethod
    def from_command_line(cls) -> Config:
        """Return what was asked for."""
        parser = argparse.ArgumentParser(description="Learn what is played next")
        parser.add_argument("--steps", type=int, default=400)
        parser.add_argument("--workers", type=int, default=0)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--lists", type=int, default=48)
        parser.add_argument("--width", type=int, default=64)
        parser.add_argument("--kept", type=int, default=24)
        return cls(**vars(parser.parse_args()))


SONGS, PLAYED = 200, 49
"""Songs that there are, and songs of a play-list."""
