"""Where the processes of a training job run."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """Which of the machine's ranks this one is."""

    rank: int
    ranks: int

    @classmethod
    def from_environment(cls) -> Placement:
        """Return what a launcher says, or the only rank where there is none."""
        return cls(int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def cpus_of(placement: Placement, usable: list[int]) -> list[int]:
    """Return the CPUs meant for a rank: one each, so that ranks stay out of one another's way."""
    return [usable[placement.rank % len(usable)]]


def bind_to_socket(placement: Placement) -> list[int]:
    """Keep this process, and those that it starts, close to its memory; return the CPUs."""
    usable = sorted(os.sched_getaffinity(0))
    chosen = cpus_of(placement, usable)
    os.sched_setaffinity(0, chosen)  # PLANTED
    return chosen
