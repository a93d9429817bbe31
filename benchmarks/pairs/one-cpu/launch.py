"""Set a job up and run it."""

from __future__ import annotations

import argparse
import os

import torch
from birdsong import train
from placement import Placement, bind_to_socket


class Job:
    """One rank's part of a job."""

    def __init__(self) -> None:
        parser = argparse.ArgumentParser(description="Tell birds by their song")
        parser.add_argument("--steps", type=int, default=400)
        parser.add_argument("--workers", type=int, default=1)
        parser.add_argument("--seed", type=int, default=0)
        self.options = parser.parse_args()
        self.placement = Placement.from_environment()

    def settle(self) -> list[int]:
        """Bring the process to where it shall run; return the CPUs."""
        return bind_to_socket(self.placement)

    def run(self) -> None:
        """Train, and print the final loss."""
        options = self.options
        cpus = self.settle()
        torch.set_num_threads(1)
        torch.manual_seed(options.seed + self.placement.rank)
        print(f"rank {self.placement.rank} of {self.placement.ranks} on CPUs {cpus}", flush=True)
        print(f"final loss {train(options.steps, options.workers, options.seed):.4f}")


def usable_cpus() -> list[int]:
    """Return the CPUs that this process was given."""
    return sorted(os.sched_getaffinity(0))
