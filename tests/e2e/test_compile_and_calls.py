"""torch.compile that compiles again and again is found; cProfile counts in workers however they start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, plain, profile

COMPILED = (
    PRELUDE
    + """
import atexit, sys
import torch._dynamo
from torch._dynamo.utils import counters
torch._dynamo.config.recompile_limit = torch._dynamo.config.cache_size_limit = 500
atexit.register(lambda: print("breaks", sum(counters["graph_break"].values()), flush=True))
@torch.compile(backend="eager", dynamic=False)
def loss_of(x):
    return model(x).pow(2).mean()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for n in range(int(sys.argv[2])):
    x = torch.randn(n % 300 + 2 if sys.argv[1] == "changing" else 8, 16)
    optimizer.zero_grad()
    loss_of(x).backward()
    optimizer.step()
    counted()
"""
)


def facts(out: Path) -> dict[str, Any]:
    lines = next((out / "raw" / "rank-0000").glob("notes-*.jsonl")).read_text().splitlines()
    found: dict[str, Any] = next(n for n in map(json.loads, lines) if n["kind"] == "facts")
    return found


def test_changing_shapes_fire_the_rule_on_recompilation(tmp_path: Path) -> None:
    ran = profile(tmp_path, COMPILED, "--steps", "40", "--warmup", "6", "--", "changing", "400")
    assert ran.code == 0, ran.text
    fired = {finding["rule"]: finding for finding in ran.report["findings"]}
    assert "recompilation" in fired, ran.text
    assert any("recompilations" in line for line in fired["recompilation"]["evidence"])
    compiled = facts(ran.out)["compile"]
    assert compiled["recompiles"] == compiled["frames"] - 1 == compiled["ok"] - 1
    (why,) = compiled["reasons"]
    assert why["function"] == "loss_of"
    assert "size mismatch" in why["reason"]
    assert compiled["graph_breaks"] == 0


def test_one_shape_is_compiled_once_without_added_graph_breaks(tmp_path: Path) -> None:
    ran = profile(tmp_path, COMPILED, "--steps", "40", "--warmup", "6", "--", "same", "400")
    assert ran.code == 0, ran.text
    assert "recompilation" not in {finding["rule"] for finding in ran.report["findings"]}
    compiled = facts(ran.out)["compile"]
    assert (compiled["frames"], compiled["recompiles"], compiled["reasons"]) == (1, 0, [])
    alone = plain(tmp_path, COMPILED, "same", "60")
    assert f"breaks {compiled['graph_breaks']}" in alone.stdout.decode()


def test_a_graph_break_has_its_line(tmp_path: Path) -> None:
    line = "    return model(x).pow(2).mean()\n"
    broken = COMPILED.replace(
        line, "    x = model(x)\n    torch._dynamo.graph_break()\n    return x.pow(2).mean()\n"
    )
    ran = profile(tmp_path, broken, "--steps", "40", "--warmup", "6", "--", "same", "400")
    assert ran.code == 0, ran.text
    compiled = facts(ran.out)["compile"]
    assert compiled["graph_breaks"] == 1
    (place,) = compiled["breaks"]
    assert (place["function"], place["count"]) == ("loss_of", 1)
    assert "graph_break()" in broken.splitlines()[place["line"] - 1]


WORKERS = """
import sys
import numpy as np
from torch.utils.data import DataLoader, Dataset
class Rows(Dataset):
    def __len__(self):
        return 4000
    def __getitem__(self, index):
        return torch.from_numpy(np.round(np.full(16, 0.123456), 3)).float()
def train():
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loader = DataLoader(Rows(), batch_size=8, num_workers=1, multiprocessing_context=sys.argv[1])
    for x in loader:
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()
        counted()
if __name__ == "__main__":
    train()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_calls_in_workers_arrive(tmp_path: Path, method: str) -> None:
    options = ("--collectors", "loader,cprofile", "--steps", "40", "--warmup", "4")
    ran = profile(tmp_path, PRELUDE + WORKERS, *options, "--", method)
    assert ran.code == 0, ran.text
    found = {}
    for path in (ran.out / "raw" / "rank-0000").glob("calls-*.json"):
        table = json.loads(path.read_text(encoding="utf-8"))
        found[table["role"]] = {row[2].rpartition(".")[2]: row[3] for row in table["rows"]}
    batches = found["worker"]["fetch"]
    assert found["worker"]["__getitem__"] == 8 * batches
    assert found["training"]["backward"] >= 5


def test_what_an_optimizer_said_of_itself_outlives_the_script(tmp_path: Path) -> None:
    # The stop unwinds main(), and with it goes whatever it held.
    script = """
def main():
    tensors = [torch.nn.Parameter(torch.randn(4)) for _ in range(30)]
    optimizer = torch.optim.Adam(tensors, foreach=False)
    for _ in range(2000):
        optimizer.zero_grad()
        sum((tensor * tensor).sum() for tensor in tensors).backward()
        optimizer.step()
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
main()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    said = facts(ran.out)
    (row,) = said["optimizers"]
    assert (row["class"], row["foreach"], row["params"]) == ("Adam", False, 30)
    assert row["steps"] > 10
    assert said["cpus"] == 1
