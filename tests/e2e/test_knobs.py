"""Settings of the computation, turned in torch itself, and trials of whole scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.test_lockstep import options
from throughput.collect.lockstep import Turns
from throughput.flows.cold import try_cold
from throughput.flows.trial import trials_of, try_one

INPROCESS = Path(__file__).parents[2] / "throughput" / "collect" / "inprocess"
COMPUTED = """
import json, sys
sys.path.insert(0, sys.argv[1])
import torch
from throughput_inprocess import knobs, recorder
noted = []
recorder.recorder.note = lambda kind, **more: noted.append(more["name"])
torch.nn.Module.compile = lambda self: compiled.append(type(self).__name__)
compiled = []
knobs.turn(torch, {name: True for name in ("bf16", "tf32", "compile", "foreach", "channels_last")})
torch.manual_seed(0)
original = torch.nn.Module.__call__
model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.LazyLinear(2))
with torch.no_grad():
    model(torch.zeros(1, 3, 8, 8))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
weight, losses = model[2].weight, []
for _ in range(6):
    out = model(torch.ones(2, 3, 8, 8))
    loss = torch.nn.functional.mse_loss(out, torch.ones_like(out))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(json.dumps({
    "noted": noted, "compiled": compiled, "dtype": str(out.dtype), "weights": str(weight.dtype),
    "foreach": optimizer.defaults["foreach"], "losses": losses,
    "nhwc": model[0].weight.is_contiguous(memory_format=torch.channels_last),
    "called_as_before": torch.nn.Module.__call__ is not original,
}))
"""


def test_what_a_script_computes_with_is_changed(tmp_path: Path) -> None:
    words = [sys.executable, "-c", COMPUTED, str(INPROCESS)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # No CUDA device, so nothing for TF32 to change.
    assert sorted(found["noted"]) == ["bf16", "channels_last", "compile", "foreach"]
    assert found["compiled"] == ["Sequential"]
    assert (found["dtype"], found["weights"]) == ("torch.bfloat16", "torch.float32")
    assert found["foreach"] is True
    assert found["nhwc"] is True
    assert found["called_as_before"] is True
    # Weights that were cast once and kept would not learn.
    assert found["losses"][-1] < 0.9 * found["losses"][0]


def test_the_loaders_ceiling_is_its_own_speed(tmp_path: Path) -> None:
    # 4 ms of loading a step, and 12 ms of sleep, which the loader alone leaves out.
    (ceiling,) = trials_of({"loader_only": True}, None)
    turns = Turns(steps=80, seconds=60)
    found = try_one(options(tmp_path, 0.012), ceiling, pairs=1, turns=turns, heard=lambda _ratio: None)
    assert found is not None
    assert found.speedup == pytest.approx(3.8, rel=0.3)
    assert found.per_samples


READS = """
import time, torch
from torch.utils.data import DataLoader, Dataset

class Shard(Dataset):
    def __init__(self):
        self.file = open("shard.bin", "rb", buffering=0)
    def __len__(self):
        return 8 * 400
    def __getitem__(self, index):
        self.file.seek(index * 1000)
        return torch.frombuffer(bytearray(self.file.read(1000)), dtype=torch.uint8).float()

model = torch.nn.Linear(1000, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
for _ in range(3):
    for batch in DataLoader(Shard(), batch_size=8):
        optimizer.zero_grad()
        model(batch).sum().backward()
        optimizer.step()
        time.sleep(0.002)
"""


def test_cold_runs_drop_the_files_that_a_run_was_seen_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shard.bin").write_bytes(bytes(3_200_000))
    (tmp_path / "reads.py").write_text(READS, encoding="utf-8")
    dropped = []
    script = options(tmp_path, 0.0)
    found = try_cold(
        replace(script, script="reads.py", arguments=()),
        pairs=1,
        seconds=20,
        dropped=dropped.append,
        heard=lambda _ratio: None,
    )
    assert [(one.files, one.size_bytes) for one in dropped] == [(1, 3_200_000)]
    assert found.form == "one after the other"
    assert found.before_ns > 0 < found.after_ns
