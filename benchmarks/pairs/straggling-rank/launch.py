"""Start two ranks, and train on both."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from parts import CHANNELS, KINDS, ROWS, open_share
from stopwatch import watch
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

RANKS = 2


def parse(description: str) -> argparse.Namespace:
    """Return the options of one training run."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--width", type=int, default=448)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def launch(folder: Path, options: argparse.Namespace) -> None:
    """Run all ranks to their end."""
    spawn: Any = mp.spawn  # type: ignore[attr-defined]
    spawn(run_rank, args=(folder, options), nprocs=RANKS)


def run_rank(rank: int, folder: Path, options: argparse.Namespace) -> None:
    """Train as one of the ranks; the first one speaks for all."""
    if rank:
        watch.out = None
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    loss = train(rank, folder, options)
    dist.destroy_process_group()
    if rank == 0:
        print(f"final loss {loss:.4f}", flush=True)


def read(rank: int, folder: Path, options: argparse.Namespace) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield this rank's batches, its parts in turn."""
    parts = open_share(folder, rank, RANKS)
    draw = torch.Generator().manual_seed(options.seed + rank)
    for step in range(options.steps):
        chosen = torch.randint(0, ROWS, (options.batch_size,), generator=draw).tolist()
        rows = torch.from_numpy(parts[step % len(parts)].take(chosen))
        yield rows[:, :CHANNELS], rows[:, CHANNELS].long()


def average(_state: object, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:  # type: ignore[name-defined]
    """Average a bucket of gradients; after the last one, backward only waits."""
    if bucket.is_last():
        watch.enter("communication")
    group = dist.group.WORLD
    assert group is not None
    return default_hooks.allreduce_hook(group, bucket)


def train(rank: int, folder: Path, options: argparse.Namespace) -> float:
    """Return the last loss of this rank."""
    width = options.width
    layers = (
        nn.Linear(CHANNELS, width),
        nn.GELU(),
        nn.Linear(width, width),
        nn.GELU(),
        nn.Linear(width, width),
    )
    model = DistributedDataParallel(nn.Sequential(*layers, nn.GELU(), nn.Linear(width, KINDS)))
    model.register_comm_hook(None, average)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    criterion, last = nn.CrossEntropyLoss(label_smoothing=0.1), 0.0
    watch.enter("data_loading")
    for step, (spectra, kinds) in enumerate(read(rank, folder, options), 1):
        watch.enter("compute")
        loss = criterion(model(spectra), kinds)
        optimizer.zero_grad()
        loss.backward()
        watch.enter("compute")
        optimizer.step()
        last = loss.item()
        if rank == 0 and step % 100 == 0:
            watch.enter("logging_checkpoint")
            print(f"step {step}: loss {last:.4f}", flush=True)
        watch.step()
        watch.enter("data_loading")
    return last
