"""The whole run's ledger: delays planted around the steps are in their parts, which sum to the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, profile

SCRIPT = (
    PRELUDE
    + """
import time
import slow_one
from torch.utils.data import DataLoader, Dataset
class Digits(Dataset):
    def __init__(self):
        time.sleep(0.3)
        self.values = torch.randn(80, 16)
    def __len__(self):
        return len(self.values)
    def __getitem__(self, index):
        return self.values[index]
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        time.sleep(0.2)
        self.layer = torch.nn.Linear(16, 1)
    def forward(self, x):
        return self.layer(x)
class Slow:
    def __reduce__(self):
        time.sleep(0.15)
        return dict, ()
def start_worker(number):
    time.sleep(0.5)
def evaluate():
    model.eval()
    time.sleep(0.25)
    model.train()
def save():
    torch.save(Slow(), "model.pt")
digits, model = Digits(), Net()
loader = DataLoader(digits, 8, num_workers=1, worker_init_fn=start_worker)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(9):
    for batch in loader:
        optimizer.zero_grad()
        model(batch).sum().backward()
        counted()
        optimizer.step()
    evaluate()
    save()
"""
)


def rows_of(ledger: list[dict[str, Any]], part: str) -> tuple[float, int, str]:
    """Return seconds, count and the names of a part."""
    rows = [row for row in ledger if row["part"] == part]
    return (
        sum(row["seconds"] for row in rows),
        sum(row["count"] for row in rows),
        " ".join(row["name"] for row in rows),
    )


def test_planted_delays_are_in_their_parts(tmp_path: Path) -> None:
    (tmp_path / "slow_one.py").write_text("import time\ntime.sleep(0.4)\n")
    ran = profile(tmp_path, SCRIPT, "--steps", "26", "--budget", "1h", *QUICK)
    assert ran.code == 0, ran.text
    ledger = ran.report["ledger"]
    clock = ran.run["clock"]
    lived = (clock["child_ended_ns"] - clock["child_began_ns"]) / 1e9
    assert sum(row["seconds"] for row in ledger) == pytest.approx(lived, abs=1e-6)
    # 30 steps: three epochs of ten, of which two are evaluated and saved before the stop.
    planted = {
        "imports": (0.4, "slow_one"),
        "data_set": (0.3, "Digits"),
        "model": (0.2, "Net"),
        "workers": (0.5, ""),
        "evaluation": (0.5, "evaluate train.py:"),
        "checkpoint": (0.3, "save train.py:"),
        "epoch_boundary": (1.0, ""),
        "interpreter": (0.0, ""),
        "profiling": (0.0, ""),
        "shutdown": (0.0, ""),
    }
    for part, (least, name) in planted.items():
        seconds, _, names = rows_of(ledger, part)
        assert seconds >= least, (part, ledger)
        assert seconds > 0, (part, ledger)
        assert name in names, (part, ledger)
    assert "torch" in rows_of(ledger, "imports")[2]
    assert rows_of(ledger, "evaluation")[1] == rows_of(ledger, "checkpoint")[1] == 2
    assert rows_of(ledger, "steps")[1] == ran.window["kept"] + ran.window["dropped"]
    assert rows_of(ledger, "warmup")[1] == ran.window["warmup"]
    assert 0 < ran.report["goodput"] < 1
    budget = ran.report["budget"]
    assert 1.4 <= budget["once_s"] <= lived
    assert budget["recurring_s"] > 0
    assert b"to the first step: " in ran.stdout
