"""The fixed twin: what is there at the start is frozen, and the collector is off: nothing here has cycles."""

from __future__ import annotations

import gc

import torch
from config import Config
from review import Recent
from runner import run


def main() -> None:
    """Train, and print the final loss."""
    config = Config.from_command_line()
    torch.manual_seed(config.seed)
    torch.set_num_threads(1)
    recent = Recent(config.kept)
    gc.collect()
    gc.freeze()
    gc.disable()
    print(f"final loss {run(config, recent):.4f}")


if __name__ == "__main__":
    main()
