"""The fixed twin of `throughput/demo/train.py`: windows are rounded once, not each time they are drawn."""

from __future__ import annotations

import numpy as np
import torch
from cleaning import centre, snap_to_resolution
from network import build
from options import load, parse
from recordings import Recordings
from training import train


class RoundedRecordings(Recordings):
    """Windows of all sensors, rounded when the data set is made and centred when they are asked for."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count, seed)
        self.windows = np.stack([snap_to_resolution(window) for window in self.windows])

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(centre(self.windows[index])), int(self.faults[index])


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Name a machine's fault from its vibrations")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    loader = load(RoundedRecordings(1024, options.seed), options)
    print(f"final loss {train(build(options.width), loader):.4f}")


if __name__ == "__main__":
    main()
