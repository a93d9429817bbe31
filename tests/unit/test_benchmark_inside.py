"""The independent counter of the real-programs benchmark, and what it changes for an experiment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import catalogue, inside, real
from benchmarks.runs import RunFailed

SCRIPT = """
import torch
from torch.utils.data import DataLoader
from work import weigh

class Data:
    def __len__(self): return 12
    def __getitem__(self, index): return torch.full((3,), float(index))

first, second = (torch.nn.Linear(3, 1) for _ in range(2))
often, rare = (torch.optim.SGD(m.parameters(), lr=0.1) for m in (first, second))
total = 0
for step, batch in enumerate(DataLoader(Data(), batch_size=2)):
    total += weigh(batch)
    for model, optimizer in ((first, often), (second, rare))[: 1 + step % 2]:
        model(batch).sum().backward()
        optimizer.step()
print(total)
"""
MODULE = """
def weigh(batch):
    for _ in range(2):
        value = float(batch.sum())
    return value
"""


def run(tmp_path: Path, *change: str) -> tuple[str, dict[str, Any]]:
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "work.py").write_text(MODULE, encoding="utf-8")
    out = tmp_path / "counts.json"
    words = [sys.executable, inside.__file__, str(out), *change, "--", "train.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    return done.stdout.strip(), json.loads(out.read_text(encoding="utf-8"))


def test_counts_optimizers_and_backwards(tmp_path: Path) -> None:
    printed, found = run(tmp_path)
    assert printed == "198.0"
    assert sorted(len(entry["at_ns"]) for entry in found["optimizers"]) == [3, 6]
    assert len(found["backward_ns"]) == 9
    assert len(real.steps_of(catalogue.PROGRAMS[0], found)) == 3


def test_every_second_block_gets_the_first_batch_again(tmp_path: Path) -> None:
    printed, found = run(tmp_path, "--cached", "--block", "2")
    # Batches 0 and 1, twice the first one, then 2 and 3: batch n weighs 12 n + 3.
    assert printed == f"{3 + 15 + 3 + 3 + 27 + 39:.1f}"
    assert len(found["backward_ns"]) == 9
    assert len(found["turned_ns"]) == 3


@pytest.mark.parametrize(("file", "line", "executions"), [("work.py", 4, 12), ("train.py", 14, 6)])
def test_a_line_is_slowed_each_time_it_runs(tmp_path: Path, file: str, line: int, executions: int) -> None:
    printed, found = run(tmp_path, "--slow", f"{tmp_path / file}:{line}:1000")
    assert printed == "198.0"
    assert found["executions"] == executions


def test_the_header_of_a_loop_is_slowed_at_each_round() -> None:
    tree = inside.slow_line("for x in y:\n    z = x\n", "loop.py", 1)
    import ast

    assert ast.unparse(tree) == "for x in y:\n    __executed__()\n    z = x"


def test_step_time_leaves_out_the_start_and_the_outliers() -> None:
    at = [10 * number for number in range(real.SETTLED + 41)]
    at[-1] += 1000
    assert real.step_time(at) == 10


def test_changed_blocks_are_compared_with_the_plain_ones_beside_them() -> None:
    at, turns, now = [], [], 0
    for block in range(9):
        for _ in range(24):
            # The machine gets slower from block to block; changed blocks take 3 ms more.
            now += (10 + block + 3 * (block % 2)) * 1_000_000
            at.append(now)
        turns.append(now)
    found = real.in_turns(catalogue.PROGRAMS[0], {"optimizers": [{"at_ns": at}], "turned_ns": turns})
    assert found["changed_ms"] - found["plain_ms"] == pytest.approx(3)
    assert len(found["differences_ms"]) == 3


def test_too_few_blocks_are_no_experiment() -> None:
    with pytest.raises(RunFailed, match="too few"):
        real.in_turns(catalogue.PROGRAMS[0], {"optimizers": [{"at_ns": [1, 2, 3]}], "turned_ns": [2]})


def test_what_is_absent_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THROUGHPUT_PROGRAMS", raising=False)
    missing = [program.missing() for program in catalogue.PROGRAMS if program.folder]
    assert all(missing)
    assert len(catalogue.PROGRAMS) >= 12
