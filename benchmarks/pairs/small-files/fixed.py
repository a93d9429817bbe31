"""The fixed twin: all logs lie in one packed file, and a batch is one index into its map."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from forecast import DAYS, GAUGES, RECORDED, fit, options
from logs import READINGS, simulate
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler


class PackedWeeks(Dataset[torch.Tensor]):
    """Whole batches of the stretches that the gauges have recorded."""

    def __init__(self, path: Path) -> None:
        levels = np.memmap(path, dtype=np.float32, mode="r").reshape(GAUGES, RECORDED * READINGS)
        stretches = np.lib.stride_tricks.sliding_window_view(levels, (DAYS + 1) * READINGS, axis=1)
        self.stretches = stretches[:, ::READINGS]
        self.starts = RECORDED - DAYS

    def __len__(self) -> int:
        return GAUGES * self.starts

    def __getitem__(self, batch: list[int]) -> torch.Tensor:
        gauges, starts = np.divmod(np.array(batch), self.starts)
        return torch.from_numpy(self.stretches[gauges, starts])


def main() -> None:
    """Train, and print the final loss."""
    asked = options()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "levels.f32")
        path.write_bytes(simulate(GAUGES, RECORDED, asked.seed).tobytes())
        weeks = PackedWeeks(path)
        draws = RandomSampler(weeks, replacement=True, num_samples=asked.steps * asked.batch_size)
        batches = BatchSampler(draws, asked.batch_size, drop_last=True)
        loader = DataLoader(weeks, batch_size=None, sampler=batches, num_workers=asked.workers)
        last = fit(loader, asked.hidden)
    print(f"final loss {last:.4f}")


if __name__ == "__main__":
    main()
