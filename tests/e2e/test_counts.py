"""Planted changes of what a step does are named from one run a side: counts have no noise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.e2e.profiling import PRELUDE, Ran, call, profile

OPTIONS = ("--collectors", "loader,torch,cprofile", "--steps", "40", "--warmup", "4")
TRAIN = (
    PRELUDE
    + """
import sys
from torch.utils.data import DataLoader, Dataset
PLANTED, WORKERS = sys.argv[1] == "planted", int(sys.argv[2])

def prepare(index):
    with open(__file__, "rb") as file:
        return torch.full((16,), float(len(file.read(100 * (1 + PLANTED)))))

class Rows(Dataset):
    def __len__(self):
        return 8 * 4000
    def __getitem__(self, index):
        if PLANTED:
            prepare(index)
        row = prepare(index)
        return (row, bytes(50_000)) if PLANTED and WORKERS else (row, b"")

def report(loss):
    if PLANTED:
        loss.item()

def train():
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for x, _ in DataLoader(Rows(), batch_size=8, num_workers=WORKERS, collate_fn=together):
        if PLANTED:
            x = x.clone()
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        report(loss)
        optimizer.step()
        counted()

def together(rows):
    return torch.stack([row for row, _ in rows]), [more for _, more in rows]

train()
"""
)
RANKS = """
import os, sys, tempfile
os.environ["OMP_NUM_THREADS"] = "1"
import torch
import torch.distributed as dist

def train(rank, meeting, more):
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    model = torch.nn.Linear(16, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(4000):
        optimizer.zero_grad()
        model(torch.ones(8, 16)).pow(2).mean().backward()
        for _ in range(1 + more):
            dist.all_reduce(model.weight.grad)
        optimizer.step()

if __name__ == "__main__":
    folder = tempfile.mkdtemp()
    more = int(sys.argv[1] == "planted")
    torch.multiprocessing.spawn(train, args=(os.path.join(folder, "meeting"), more), nprocs=2)
"""


def changes(tmp_path: Path, runs: list[Ran]) -> dict[str, dict[str, Any]]:
    """Return the counts that differ between two runs, by name."""
    ran = call(tmp_path, "compare", *(str(run.out) for run in runs), "--json")
    assert ran.code == 0, ran.text
    return {row["name"]: row for row in json.loads(ran.stdout)["counts"]}


def both(tmp_path: Path, script: str, *arguments: str) -> list[Ran]:
    found = []
    for side in ("plain", "planted"):
        folder = tmp_path / side
        folder.mkdir()
        found.append(profile(folder, script, *OPTIONS, "--", side, *arguments))
        assert found[-1].code == 0, found[-1].text
    return found


def amounts(row: dict[str, Any]) -> tuple[float, float, bool]:
    return row["base"], row["head"], row["exact"]


def test_one_more_wait_copy_call_and_file_are_named(tmp_path: Path) -> None:
    found = changes(tmp_path, both(tmp_path, TRAIN, "0"))
    assert amounts(found["aten::_local_scalar_dense"]) == (0, 1, True)
    item = next(
        row for name, row in found.items() if re.search(r"\bitem\b", name) and row["kind"] == "builtin"
    )
    assert amounts(item) == (0, 1, True)
    assert re.fullmatch(r".*\.py:\d+", item["where"]), item
    assert found["aten::clone"]["head"] == found["aten::clone"]["base"] + 1
    assert amounts(found["prepare"]) == (8, 16, True)
    assert amounts(found["files opened"]) == (8, 16, True)
    assert found["files opened"]["where"] == found["prepare"]["where"]
    assert amounts(found["bytes read"])[2], found["bytes read"]


def test_what_workers_do_is_counted_by_the_batch(tmp_path: Path) -> None:
    found = changes(tmp_path, both(tmp_path, TRAIN, "1"))
    assert amounts(found["prepare"]) == (8, 16, True)
    assert found["prepare"]["kind"] == "worker call"
    assert amounts(found["files opened by workers"]) == (8, 16, True)
    pickled = found["bytes pickled by workers"]
    assert pickled["head"] - pickled["base"] > 8 * 50_000 * 0.9


def test_one_more_collective_is_named(tmp_path: Path) -> None:
    found = changes(tmp_path, both(tmp_path, RANKS))
    assert amounts(found["collectives"]) == (1, 2, True)
