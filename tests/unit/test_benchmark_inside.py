"""The independent counter of the real-programs benchmark, and what it changes for an experiment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import catalogue, inside, real

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


def test_cached_batches_are_the_first_as_often(tmp_path: Path) -> None:
    printed, found = run(tmp_path, "--cached")
    assert printed == f"{6 * 3 * 1.0}"
    assert len(found["backward_ns"]) == 9


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


def test_what_is_absent_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THROUGHPUT_PROGRAMS", raising=False)
    missing = [program.missing() for program in catalogue.PROGRAMS if program.folder]
    assert all(missing)
    assert len(catalogue.PROGRAMS) >= 12
