"""Fit a phase picker to seismograms that are cleaned between the steps, in the same process."""

from __future__ import annotations

import torch
from fit import arguments, fit

if __name__ == "__main__":
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    print(f"final loss {fit(options, options.workers):.4f}")
