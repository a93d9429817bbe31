"""What reading traces costs: CPU seconds and peak memory, each in a fresh process, beside others.

    python benchmarks/traces.py FOLDER [--hta PYTHON] [--generate 100,300,1000]

For each trace of FOLDER (default: the one that THROUGHPUT_TRACES names): `decode` is msgspec decoding the
whole file into typed structs, and nothing more; `breakdown` reads it into columns and splits its steps;
`whole` is `throughput analyze` with findings, replay and page. `--hta` names a Python in which
HolisticTraceAnalysis is installed: it loads the trace and makes its time breakdown, idle causes and
communication overlap. `--generate` makes files of so many MB that repeat the steps of a real trace.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
REPEATS = 3
"""Of which the median counts: other jobs share the machine."""

DECODE = """
import gzip, sys, msgspec
class Args(msgspec.Struct, gc=False):
    device: int | str | None = None
    stream: int | str | None = None
    correlation: int | str | None = None
    bytes: int | float | None = None
class Event(msgspec.Struct, gc=False):
    ph: str = ""
    cat: str = ""
    name: str = ""
    ts: float = 0.0
    dur: float = 0.0
    pid: int | str = 0
    tid: int | str = 0
    args: Args | None = None
class Trace(msgspec.Struct):
    traceEvents: list[Event] = []
data = open(sys.argv[1], "rb").read()
data = gzip.decompress(data) if data[:2] == b"\\x1f\\x8b" else data
msgspec.json.decode(data, type=Trace)
"""
BREAKDOWN = """
import sys
from pathlib import Path
from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import rank_trace
from throughput.attribute.trace_gaps import gaps_of, launches
from throughput.attribute.trace_split import device_shares, split_trace
with open(sys.argv[1], "rb") as file:
    trace = rank_trace(read_trace(file, "trace"), 0)
split, calls = split_trace(trace), launches(trace)
for one in split.devices:
    device_shares(split, one), gaps_of(trace, split, one, calls)
"""
HTA = """
import shutil, sys, tempfile
from pathlib import Path
from hta.trace_analysis import TraceAnalysis
folder = tempfile.mkdtemp()
shutil.copy(sys.argv[1], folder)
one = TraceAnalysis(trace_files={0: str(Path(folder) / Path(sys.argv[1]).name)}, trace_dir=folder)
one.get_temporal_breakdown(visualize=False)
one.get_idle_time_breakdown(ranks=[0], visualize=False)
one.get_comm_comp_overlap(visualize=False)
"""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu_s: float
    peak_mb: float
    failed: bool


def cost_of(command: list[str]) -> Cost:
    """Return what a command takes, the median of its runs."""
    runs = sorted((_one(command) for _ in range(REPEATS)), key=lambda cost: cost.cpu_s)
    return runs[len(runs) // 2]


def _one(command: list[str]) -> Cost:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, status != 0)


def whole(trace: Path) -> Cost:
    """Return what `throughput analyze` takes."""
    runs = []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            out = str(Path(folder) / "run")
            runs.append(
                _one([sys.executable, "-m", "throughput", "analyze", str(trace), "--out", out, "--quiet"])
            )
    runs.sort(key=lambda cost: cost.cpu_s)
    return runs[len(runs) // 2]


def generated(folder: Path, trace: Path, megabytes: int) -> Path:
    """Return a trace of about so many MB that repeats the events of a real one, shifted in time."""
    data = trace.read_bytes()
    text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    plain = json.loads(text, strict=False)
    events = [e for e in plain.pop("traceEvents") if "ts" in e]
    begin = min(e["ts"] for e in events)
    length = max(e["ts"] + e.get("dur", 0) for e in events) - begin
    path = folder / f"generated-{megabytes}mb.json"
    with path.open("w") as file:
        file.write(json.dumps(plain)[:-1] + ', "traceEvents": [\n')
        copies, first = 0, True
        while file.tell() < megabytes * 1_000_000:
            for event in events:
                shifted = event | {"ts": event["ts"] + copies * (length + 1)}
                args = event.get("args")
                if isinstance(args, dict) and isinstance(args.get("correlation"), int):
                    shifted["args"] = args | {"correlation": args["correlation"] + copies * 10_000_000}
                file.write(("" if first else ",\n") + json.dumps(shifted))
                first = False
            copies += 1
        file.write("\n]}\n")
    return path


def traces_of(folder: Path) -> list[Path]:
    """Return the traces of a folder that are whole."""
    return sorted(p for p in folder.rglob("*.json*") if p.parent.name != "malformed")


def main() -> None:
    """Print a row a trace."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("THROUGHPUT_TRACES"))
    parser.add_argument("--hta", help="Python in which HolisticTraceAnalysis is installed.")
    parser.add_argument("--generate", default="", help="Sizes in MB, by commas.")
    asked = parser.parse_args()
    if not asked.folder:
        parser.error("name a folder of traces, or set THROUGHPUT_TRACES")
    with contextlib.ExitStack() as stack:
        paths = traces_of(Path(asked.folder))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = max(paths, key=lambda path: path.stat().st_size)
        sizes = [int(size) for size in asked.generate.split(",") if size]
        # In a process of its own: what this one holds would count as the peak of those that it starts.
        with ProcessPoolExecutor(1) as aside:
            paths += [aside.submit(generated, scratch, source, size).result() for size in sizes]
        print("| trace | decode | breakdown | whole | HTA |")
        print("|---|--:|--:|--:|--:|")
        for path in paths:
            costs = [
                cost_of([sys.executable, "-c", DECODE, str(path)]),
                cost_of([sys.executable, "-c", BREAKDOWN, str(path)]),
                whole(path),
                cost_of([asked.hta, "-c", HTA, str(path)]) if asked.hta else None,
            ]
            cells = " | ".join(_cell(cost) for cost in costs)
            print(f"| {path.name} | {cells} |", flush=True)


def _cell(cost: Cost | None) -> str:
    if cost is None:
        return "–"
    return "failed" if cost.failed else f"{cost.cpu_s:.2f} s, {cost.peak_mb:.0f} MB"


if __name__ == "__main__":
    main()
