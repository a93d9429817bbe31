"""The fixed twin: one worker cleans the next batches while the network trains on this one."""

from __future__ import annotations

import torch
from fit import arguments, fit

if __name__ == "__main__":
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    print(f"final loss {fit(options, max(1, options.workers)):.4f}")
