"""Judge counts: is one planted change of what a step does named from one run a side, and none without one?

    python -m benchmarks.counts record FOLDER [--runs 15] [--load 8]   # goes on where it stopped
    python -m benchmarks.counts judge FOLDER                           # writes benchmarks/counts.json

Each run is profiled in full, while so many busy processes compete for the CPUs. All pairs of runs without a
change are compared: each exact count that differs is a false alarm. Each run with a change is compared with
each without.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import store
from throughput.collect.options import COLLECTORS, ProfileOptions
from throughput.compare.counted import counts_of
from throughput.compare.counting import changed
from throughput.errors import ThroughputError
from throughput.flows.check import profiled
from throughput.model.benchmark import SavedCount

RESULTS = Path(__file__).parent / "counts.json"
STEPS = 80
"""Ten steps in either heavy block."""
ALONE = """
import os, sys, threading, time
os.environ["OMP_NUM_THREADS"] = "1"
import torch
import torch._dynamo
from torch.utils.data import DataLoader, Dataset
PLANTED = sys.argv[1]
BREAKS = PLANTED == "graph break"
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows.bin")
torch.manual_seed(0)
torch.set_num_threads(1)
lock = threading.Lock()

def read():
    with open(FILE, "rb") as file:
        return file.read()

def scale(value):
    return value * 0.5

class Rows(Dataset):
    def __len__(self):
        return 8 * 20_000
    def __getitem__(self, index):
        size = len(read())
        if PLANTED == "file opened again":
            read()
        if PLANTED == "extra call a sample":
            scale(size)
        return torch.full((16,), scale(float(size)))

model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))

@torch.compile(backend="eager")
def loss_of(batch):
    found = model(batch)
    if BREAKS:
        torch._dynamo.graph_break()
    return found.pow(2).mean()

def beside():
    # A thread that competes for a lock and for Python's: how often it runs hangs on the machine.
    while True:
        with lock:
            time.sleep(0.001)
        time.sleep(0.001)

def train():
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    shown = time.monotonic()
    for batch in DataLoader(Rows(), batch_size=8):
        if PLANTED == "copy":
            batch = batch.clone()
        optimizer.zero_grad()
        loss = loss_of(batch)
        loss.backward()
        if PLANTED == "item":
            loss.item()
        with lock:
            optimizer.step()
        if time.monotonic() - shown > 0.1:  # a progress bar: by the clock, not by the step
            shown = time.monotonic()
            sys.stderr.write(".")
            sys.stderr.flush()

threading.Thread(target=beside, daemon=True).start()
train()
"""
TOGETHER = """
import os, sys, tempfile
os.environ["OMP_NUM_THREADS"] = "1"
import torch
import torch.distributed as dist

def train(rank, meeting, times):
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    model = torch.nn.Linear(16, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(20_000):
        optimizer.zero_grad()
        model(torch.ones(8, 16)).pow(2).mean().backward()
        for _ in range(times):
            dist.all_reduce(model.weight.grad)
        optimizer.step()

if __name__ == "__main__":
    times = 2 if sys.argv[1] == "collective" else 1
    meeting = os.path.join(tempfile.mkdtemp(), "meeting")
    torch.multiprocessing.spawn(train, args=(meeting, times), nprocs=2)
"""
SCRIPTS = {"alone": ALONE, "together": TOGETHER}
PLANTED = {
    "item": ("alone", r"aten::_local_scalar_dense|.*'item' of"),
    "copy": ("alone", r"aten::clone|.*'clone' of"),
    "extra call a sample": ("alone", r"scale"),
    "file opened again": ("alone", r"files opened"),
    "graph break": ("alone", r"graph break in loss_of"),
    "collective": ("together", r"collectives"),
}
"""Change -> its script, and what the counts that name it are called."""


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Let so many processes compute nothing."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in spinning:
            one.kill()
            one.wait()


def record(folder: Path, runs: int, load: int) -> None:
    """Add runs to the folder's file until there are so many without a change, and one of each change."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.bin").write_bytes(bytes(1000))
    for name, text in SCRIPTS.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    file = folder / "counted.jsonl"
    done = [(line["script"], line["planted"]) for line in recorded(file)]
    wanted = [(script, planted) for planted, (script, _) in PLANTED.items()]
    wanted += [(script, "") for script in SCRIPTS for _ in range(runs)]
    with busy(load):
        for job in wanted:
            if job in done:
                done.remove(job)
                continue
            line = _recorded(folder, *job) | {"busy": load}
            with file.open("a", encoding="utf-8") as opened:
                opened.write(json.dumps(line) + "\n")
            print(f"{job[0]} {job[1] or 'plain'}: {line.get('failed') or len(line['counts'])}", flush=True)


def recorded(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the runs of a file; one that failed or was cut off is none."""
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        with contextlib.suppress(ValueError):
            line = json.loads(text)
            if "failed" not in line:
                yield line


def _recorded(folder: Path, script: str, planted: str) -> dict[str, Any]:
    options = ProfileOptions(script=str(folder / f"{script}.py"), arguments=(planted or "plain",))
    line: dict[str, Any] = {"script": script, "planted": planted}
    with tempfile.TemporaryDirectory() as out:
        try:
            made = profiled(replace(options, collectors=COLLECTORS, steps=STEPS), Path(out) / "run")
        except ThroughputError as error:
            return line | {"failed": error.what}
    return line | {"counts": [asdict(one) for one in counts_of(made.analysis.facts[0].timeline)]}


def judge(folder: Path, out: Path) -> None:
    """Compare what was recorded; write and print how often a change was named, and what without one."""
    runs: dict[tuple[str, str], list[tuple[SavedCount, ...]]] = {}
    load = set()
    for line in recorded(folder / "counted.jsonl"):
        counts = msgspec.convert(line["counts"], tuple[SavedCount, ...])
        runs.setdefault((line["script"], line["planted"]), []).append(counts)
        load.add(line["busy"])
    found: dict[str, Any] = {"schema": 1, **store.stamp(), "busy_processes": sorted(load)}
    found["without a change"] = {
        script: alarms(runs.get((script, ""), [])) for script in SCRIPTS if runs.get((script, ""))
    }
    found["planted"] = {
        name: named(runs.get((script, ""), []), runs.get((script, name), []), pattern)
        for name, (script, pattern) in PLANTED.items()
    }
    out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1, ensure_ascii=False))


def alarms(runs: list[tuple[SavedCount, ...]]) -> dict[str, Any]:
    """Return how many pairs of runs without a change differ in an exact count, and in which."""
    pairs = list(combinations(runs, 2))
    differing = [[row for row in changed(*pair, several=False)[0] if row.exact] for pair in pairs]
    names = sorted({f"{row.kind} {row.name}" for rows in differing for row in rows})
    return {
        "runs": len(runs),
        "pairs": len(pairs),
        "alarms": sum(bool(rows) for rows in differing),
        "named": names,
        "compared": min((len(run) for run in runs), default=0),
    }


def named(
    base: list[tuple[SavedCount, ...]], head: list[tuple[SavedCount, ...]], pattern: str
) -> dict[str, Any]:
    """Return in how many pairs a change is named by an exact count, and an example of its rows."""
    pairs = list(product(base, head))
    wanted = re.compile(pattern)
    rows = [[row for row in changed(*pair, several=False)[0] if row.exact] for pair in pairs]
    hits = [[row for row in found if wanted.match(row.name)] for found in rows]
    example = next((found[0] for found in hits if found), None)
    return {
        "pairs": len(pairs),
        "named": sum(bool(found) for found in hits),
        "example": None if example is None else asdict(example),
    }


def main() -> None:
    """Record or judge."""
    parser = argparse.ArgumentParser(description="Judge counts on recorded runs.")
    parser.add_argument("verb", choices=("record", "judge"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--load", type=int, default=8)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    if asked.verb == "record":
        record(asked.folder, asked.runs, asked.load)
    elif not (asked.folder / "counted.jsonl").exists():
        sys.exit(f"{asked.folder} holds no recording; record first")
    else:
        judge(asked.folder, asked.out)


if __name__ == "__main__":
    main()
