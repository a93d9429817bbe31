"""Train with a delay planted in each part of a run, and note how long each took by the script's clock.

python ledger_loop.py OUT SECONDS
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

EPOCHS, BATCHES, SIZE = 4, 30, 8
taken: dict[str, float] = defaultdict(float)
pause_s = float(sys.argv[2])


@contextmanager
def stopwatch(part: str) -> Iterator[None]:
    """Add what is done inside to a part."""
    began = time.perf_counter()
    yield
    taken[part] += time.perf_counter() - began


class Digits(Dataset[torch.Tensor]):
    """Random numbers that take their time to be made."""

    def __init__(self) -> None:
        time.sleep(pause_s)
        self.values = torch.randn(BATCHES * SIZE, 64)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.values[index]


class Slow:
    """Something that takes its time to be saved."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        time.sleep(pause_s)
        return dict, ()


def start_worker(_number: int) -> None:
    """Take time before the first batch of each worker."""
    time.sleep(pause_s)


def main() -> None:
    """Train four epochs, evaluate and save after each."""
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    sys.path.insert(0, str(out.parent))
    (out.parent / "slow_to_import.py").write_text(f"import time\ntime.sleep({pause_s})\n", encoding="utf-8")
    with stopwatch("imports"):
        importlib.import_module("slow_to_import")
    with stopwatch("data_set"):
        digits = Digits()
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loader = DataLoader(digits, SIZE, num_workers=1, worker_init_fn=start_worker, persistent_workers=True)
    for _ in range(EPOCHS):
        for batch in loader:
            optimizer.zero_grad()
            model(batch).sum().backward()
            optimizer.step()
        with stopwatch("evaluation"):
            model.eval()
            time.sleep(pause_s)
            model.train()
        with stopwatch("checkpoint"):
            torch.save(Slow(), out.with_suffix(".pt"))
        # The script may be stopped at any step: what was taken until then is there.
        out.write_text(json.dumps({**taken, "workers": pause_s}), encoding="utf-8")


if __name__ == "__main__":
    main()
