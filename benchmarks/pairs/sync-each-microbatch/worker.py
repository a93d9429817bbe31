"""One rank of a run: its data, its model, its loop."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from stopwatch import watch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    from gradients import Accumulator, Micro

RANKS, MICRO, FEATURES, ANSWERS = 2, 8, 256, 300

Collects = Callable[[DistributedDataParallel], "Accumulator"]


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--micro-size", type=int, default=16)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def start(collects: Collects, options: argparse.Namespace) -> None:
    """Run both ranks."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        spawn: Any = mp.spawn  # type: ignore[attr-defined]
        spawn(work, args=(f"file://{folder}/meeting", collects, options), nprocs=RANKS)


def questions(rank: int, options: argparse.Namespace) -> Iterator[list[Micro]]:
    """Yield lists of micro-batches: questions as vectors, and the numbers of their answers."""
    known = torch.randn(ANSWERS, FEATURES, generator=torch.Generator().manual_seed(options.seed))
    draw = torch.Generator().manual_seed(options.seed + 1 + rank)
    for _ in range(options.steps):
        answers = torch.randint(0, ANSWERS, (MICRO * options.micro_size,), generator=draw)
        asked = known[answers] + 2 * torch.randn(len(answers), FEATURES, generator=draw)
        yield list(zip(asked.chunk(MICRO), answers.chunk(MICRO), strict=True))


def build(width: int) -> nn.Module:
    """Return the model: scores of all answers."""
    return nn.Sequential(
        nn.Linear(FEATURES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, ANSWERS)
    )


def work(rank: int, meeting: str, collects: Collects, options: argparse.Namespace) -> None:
    """Train as one rank."""
    if rank > 0:
        watch.out = None
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=RANKS)
    model = DistributedDataParallel(build(options.width))
    accumulator = collects(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loss = torch.zeros(())
    watch.enter("data_loading")
    for batch in questions(rank, options):
        watch.enter("compute")
        loss = accumulator.collect(batch)
        optimizer.step()
        optimizer.zero_grad()
        watch.step()
        watch.enter("data_loading")
    if rank == 0:
        print(f"final loss {loss.item():.4f}", flush=True)
    dist.destroy_process_group()
