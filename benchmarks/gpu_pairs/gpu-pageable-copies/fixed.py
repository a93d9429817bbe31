"""The fixed twin: the loader pins its batches, and copies run while the script goes on."""

from __future__ import annotations

import torch
from network import parse, train


def send(volumes: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the batch on the device."""
    return volumes.to("cuda", non_blocking=True), classes.to("cuda", non_blocking=True)


if __name__ == "__main__":
    train(send, pinned=True, options=parse())
