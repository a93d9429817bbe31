"""Time this script's steps by the device's own end: both readings wait until everything queued is done."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import torch

WARM_UP = 40
"""Steps left out: kernels are chosen and memory is taken in the first ones."""


class Timing:
    """Mean step time from the end of the warm-up to the end; nothing unless TRUTH_OUT names a file."""

    def __init__(self) -> None:
        self.out = os.environ.get("TRUTH_OUT")
        self.steps = 0
        self.began = 0

    def step(self) -> None:
        """End a step here."""
        self.steps += 1
        if self.out and self.steps == WARM_UP:
            torch.cuda.synchronize()
            self.began = time.perf_counter_ns()

    def end(self) -> None:
        """Write the mean."""
        if self.out and self.steps > WARM_UP:
            torch.cuda.synchronize()
            mean = (time.perf_counter_ns() - self.began) / (self.steps - WARM_UP)
            Path(self.out).write_text(json.dumps({"mean_step_ns": mean}), encoding="utf-8")


timing = Timing()
