"""Train a model of play-lists that goes back to what it got wrong of late, kept as lists."""

from __future__ import annotations

import torch
from config import Config
from review import Recent
from runner import run


def main() -> None:
    """Train, and print the final loss."""
    config = Config.from_command_line()
    torch.manual_seed(config.seed)
    torch.set_num_threads(1)
    print(f"final loss {run(config, Recent(config.kept)):.4f}")


if __name__ == "__main__":
    main()
