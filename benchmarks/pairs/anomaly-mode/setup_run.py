"""Bring torch into a known state before a run."""

from __future__ import annotations

import numpy as np
import torch


def prepare(seed: int, *, strict: bool = True) -> None:
    """Seed, choose threads and number formats, and turn on what helps against surprises."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    if strict:
        be_strict()


def be_strict() -> None:
    """Make numbers that are none an error, wherever they come up."""
    np.seterr(all="raise")
    torch.autograd.set_detect_anomaly(True)  # PLANTED
