"""Two scripts in turns, and `try`: held at step ends, nothing left behind, the ratio of their work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from throughput.collect.child import descendants
from throughput.collect.lockstep import Turns
from throughput.collect.options import ProfileOptions
from throughput.errors import ScriptFailed
from throughput.flows.lockstep import compare_in_turns

SCRIPT = """
import sys, time, torch
from torch.utils.data import DataLoader, Dataset

class Points(Dataset):
    def __len__(self):
        return 8 * 400
    def __getitem__(self, index):
        time.sleep(0.0005)
        return torch.full((8,), float(index))

def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = torch.nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    for batch in DataLoader(Points(), batch_size=8, num_workers=int(sys.argv[2])):
        time.sleep(float(sys.argv[1]))
        optimizer.zero_grad()
        model(batch).sum().backward()
        optimizer.step()

main()
"""


def options(folder: Path, sleep_s: float, workers: int = 0) -> ProfileOptions:
    script = folder / "train.py"
    script.write_text(SCRIPT)
    return ProfileOptions(script=str(script), arguments=(str(sleep_s), str(workers)))


def test_the_ratio_of_two_scripts_in_turns(tmp_path: Path) -> None:
    # 4 ms of loading a step on either side, and 4 or 12 ms of sleep.
    found = compare_in_turns(
        options(tmp_path, 0.004), options(tmp_path, 0.012), pairs=1, turns=Turns(steps=80, seconds=60)
    )
    assert found.ratio == pytest.approx(2.0, rel=0.25)
    assert found.low <= found.ratio <= found.high
    assert not [pid for pid in descendants(1) if str(tmp_path).encode() in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_held_workers_make_no_batches(tmp_path: Path) -> None:
    # A worker that worked ahead while its side is held would hide all of its 4 ms behind the pauses.
    slow_loading = options(tmp_path, 0.0, workers=1)
    found = compare_in_turns(slow_loading, slow_loading, pairs=1, turns=Turns(steps=160, seconds=60))
    assert found.ratio == pytest.approx(1.0, rel=0.2)
    assert found.first_ns > 3e6


def test_a_script_that_ends_early_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "short.py"
    script.write_text("import torch\nprint('bye')\n")
    short = ProfileOptions(script=str(script))
    with pytest.raises(ScriptFailed, match="ended before"):
        compare_in_turns(short, short, pairs=1, turns=Turns(steps=20))


def test_try_measures_what_workers_buy(tmp_path: Path) -> None:
    chosen = options(tmp_path, 0.004)
    command = [
        sys.executable,
        "-m",
        "throughput",
        "try",
        str(chosen.script),
        "--workers",
        "1",
        "--pairs",
        "1",
    ]
    run = tmp_path / "run"
    profile = [sys.executable, "-m", "throughput", "profile", str(chosen.script), "--steps", "60", "-q"]
    made = [*profile, "--out", str(run), "--collectors", "host", "--", *chosen.arguments]
    subprocess.run(made, check=True, timeout=120)
    words = [*command, "--seconds", "8", "--run", str(run), "--", *chosen.arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    assert "num_workers=1" in done.stdout
    kept = json.loads((run / "experiments.json").read_text(encoding="utf-8"))["experiments"][0]
    assert kept["knobs"] == {"num_workers": 1}
    # 4 ms of loading hide behind 4 ms of sleep.
    assert kept["speedup"] == pytest.approx(1.8, rel=0.3)
