"""Train on volumes that are copied to the device from ordinary memory, while everything waits."""

from __future__ import annotations

import torch
from network import parse, train


def send(volumes: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the batch on the device."""
    volumes = volumes.to("cuda")  # PLANTED
    return volumes, classes.to("cuda")


if __name__ == "__main__":
    train(send, pinned=False, options=parse())
