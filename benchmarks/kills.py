"""Kill a profiled training at random moments: what was measured is read, and no process is left.

python -m benchmarks.kills [--times 100]

A loop with two DataLoader workers is profiled, and at a random moment of its life either the training
process or the tool gets SIGKILL. Then nothing of either may be alive, and `throughput report` must read the
run, with at least the steps that the script itself had noted a tenth of a second before; before the first
step, one sentence says that there is nothing to read.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from benchmarks import store
from tests.e2e.profiling import MARK, environment, left_behind

KEPT = store.HERE / "kills.json"
SIDES = ("training process", "tool")
FRESH_S = 0.1
"""Steps of the last moments may be on their way to the disk."""
LIMIT_S = 90.0
SCRIPT = """
import pathlib, time, torch
from torch.utils.data import DataLoader, TensorDataset
model = torch.nn.Linear(64, 64)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
data = TensorDataset(torch.randn(4096, 64), torch.randn(4096, 64))
ends = open("ends", "w", buffering=1)
if __name__ == "__main__":
    while True:
        for x, y in DataLoader(data, batch_size=32, num_workers=2, persistent_workers=False):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            time.sleep(0.005)
            optimizer.step()
            ends.write(f"{time.monotonic_ns()}\\n")
"""


def main() -> None:
    """Kill so many runs, print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.kills")
    parser.add_argument("--times", type=int, default=100, help="runs to kill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=KEPT, help="where results are kept")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    result = store.stamp() | {"times": options.times, "failed": []}
    life_s = one_run(None, 0.0)["life_s"]
    for number in range(options.times):
        side, after_s = SIDES[number % 2], draw.uniform(0.0, life_s)
        found = one_run(side, after_s)
        outcome = found.pop("outcome")
        counts = result.setdefault(side, {})
        counts[outcome] = counts.get(outcome, 0) + 1
        if outcome == "failed" or found["left"]:
            result["failed"].append({"side": side, "after_s": round(after_s, 2), **found})
        print(f"{number + 1}: {side} after {after_s:.1f} s: {outcome}", file=sys.stderr, flush=True)
        store.save(options.out, "random kills", result)
    print(json.dumps({key: result.get(key) for key in (*SIDES, "failed")}, indent=1))
    sys.exit(1 if result["failed"] else 0)


def one_run(side: str | None, after_s: float) -> dict[str, Any]:
    """Return what became of a run that was killed so long after its start; of a whole one, its length."""
    with tempfile.TemporaryDirectory() as name:
        folder, mark = Path(name), uuid.uuid4().hex
        (folder / "train.py").write_text(SCRIPT, encoding="utf-8")
        words = [sys.executable, "-m", "throughput", "profile", "train.py", "--steps", "120", "--out", "out"]
        began = time.monotonic()
        with subprocess.Popen(
            words, cwd=folder, env=environment(PYTHONPATH=str(store.ROOT), **{MARK: mark}),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as running:  # fmt: skip
            if side is not None:
                time.sleep(after_s)
                killed_ns = kill(running, side)
            running.wait(LIMIT_S)
        if side is None:
            return {"life_s": time.monotonic() - began}
        left = [str(one) for one in left_behind(mark, patience_s=20.0)]
        return {"left": left} | judged(folder, killed_ns)


def kill(running: subprocess.Popen[bytes], side: str) -> int:
    """Kill one side, the tool where no training process is there yet; return when."""
    target = running.pid
    if side != "tool":
        for child in psutil.Process(running.pid).children():
            if "train.py" in " ".join(child.cmdline()) and "py-spy" not in child.name():
                target = child.pid
    at = time.monotonic_ns()
    with contextlib.suppress(psutil.NoSuchProcess):  # it had ended by itself
        psutil.Process(target).send_signal(signal.SIGKILL)
    return at


def judged(folder: Path, killed_ns: int) -> dict[str, Any]:
    """Return whether the run is readable with all its steps, or rightly said to hold none."""
    path = folder / "ends"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    noted = sum(int(line) < killed_ns - FRESH_S * 1e9 for line in lines if line)
    words = [sys.executable, "-m", "throughput", "report", "out", "--format", "json", "--out", "again.json"]
    told = subprocess.run(
        words,
        check=False,
        cwd=folder,
        env=environment(PYTHONPATH=str(store.ROOT)),
        capture_output=True,
        text=True,
    )
    said = (told.stdout + told.stderr).strip()
    if told.returncode == 0:
        window = json.loads((folder / "again.json").read_text(encoding="utf-8"))["run"]["window"]
        read = window["kept"] + window["warmup"] + window["dropped"]
        return {"outcome": "read" if read >= noted else "failed", "noted": noted, "read": read}
    is_clear = not noted and "Traceback" not in said and len(said.splitlines()) <= 4
    return {"outcome": "no step yet" if is_clear else "failed", "noted": noted, "said": said[-600:]}


if __name__ == "__main__":
    main()
