"""Train a small network, and note at each step's end what the kernel says: the same plain and profiled.

python overhead_loop.py OUT STEPS WIDTH BATCH BLOCK [TURNS]

TURNS is a folder with two named pipes: after each block of steps the loop says so on `done`, and goes on
when it gets a byte from `go`. Loops that take turns do so on one CPU, for no two are equally fast.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

Edge = tuple[int, int, int]


def training(width: int, batch: int, steps: int) -> tuple[nn.Module, torch.optim.Optimizer, TensorDataset]:
    """Return the network, its optimizer, and data for so many steps."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layers = (nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
    model = nn.Sequential(*layers)
    data = TensorDataset(torch.randn(batch * steps, 64), torch.randn(batch * steps, 1))
    return model, torch.optim.SGD(model.parameters(), lr=0.01), data


def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(batch[0]), batch[1])
    loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
    optimizer.step()


def main() -> None:
    """Train, then write wall, process CPU and run-queue wait at each step's end, ns, in blocks."""
    out, (steps, width, batch, block) = Path(sys.argv[1]), map(int, sys.argv[2:6])
    turns = [(Path(folder) / name) for folder in sys.argv[6:] for name in ("done", "go")]
    pipes = [os.open(path, os.O_RDWR) for path in turns]
    if pipes:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    model, optimizer, data = training(width, batch, steps)
    schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def edge() -> Edge:
        starved = int(os.pread(schedstat, 64, 0).split()[1])
        return time.perf_counter_ns(), time.process_time_ns(), starved

    blocks: list[list[Edge]] = [[]]
    began = time.monotonic_ns()
    try:
        for number, taken in enumerate(DataLoader(data, batch_size=batch), 1):
            step(model, optimizer, taken)
            blocks[-1].append(edge())
            if number % block == 0:
                if pipes:
                    os.write(pipes[0], b"x")
                    os.read(pipes[1], 1)
                blocks.append([edge()])
    finally:
        # Written also when a profiler stops the script after its window.
        ended = {"blocks": blocks, "cpu_ns": time.process_time_ns()}
        ended |= {"began_ns": began, "ended_ns": time.monotonic_ns()}
        out.write_text(json.dumps(ended), encoding="utf-8")


if __name__ == "__main__":
    main()
