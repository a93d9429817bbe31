"""The fixed twin: beats are levelled once; every 50th step is written down, and no disk waited for."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from beats import Heartbeats, serve
from diary import open_diary
from rhythm import Session, parse
from wander import level


class LevelHeartbeats(Heartbeats):
    """Beats levelled when the data set is made, served a batch at a time."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count, seed)
        self.levelled = torch.from_numpy(np.stack([level(beat) for beat in self.raw]))
        self.noted = torch.from_numpy(self.rhythms)

    def __getitems__(self, numbers: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        return self.levelled[numbers], self.noted[numbers]


def keep(batch: Any) -> Any:
    """Return a batch that is one already."""
    return batch


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Name the rhythm of heartbeats")
    loader = serve(LevelHeartbeats(1024, options.seed), options, keep)
    with tempfile.TemporaryDirectory() as folder:
        diary = open_diary(Path(folder) / "diary.log", logging.FileHandler)
        last = Session(diary, every=50).run(loader)
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
