"""What reading traces costs: CPU seconds and peak memory, each in a fresh process, beside others.

    python -m benchmarks.traces [FOLDER] [--hta FOLDER] [--generate 100,300,1000] [--only WORDS] [--keep]

For each trace of FOLDER (default: the one that THROUGHPUT_TRACES names): `decode` is msgspec decoding the
whole file into typed structs, and nothing more; `breakdown` reads it into columns and splits its steps;
`whole` is `throughput analyze` with findings, replay and page. `--hta` names a folder for an environment with
HolisticTraceAnalysis, made where it isn't there: it loads the trace and makes its time breakdown, idle causes
and communication overlap. `--generate` makes files of so many MB that repeat the steps of a real trace, which
`decode` reads uncompressed. `--only` takes traces with one of these words, by commas, in their name; `--keep`
writes the figures to `benchmarks/traces.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.store import HERE, ROOT, save, stamp
from benchmarks.trace_commands import BREAKDOWN, DECODE, HTA, generated, hta_python, traces_of

REPEATS = 3
"""Of which the median counts: other jobs share the machine."""
OUT = "OUT"
"""Stands for a folder of each run."""
KEPT = HERE / "traces.json"
HEAD = (
    "| trace | decode | breakdown | whole | HTA | breakdown / decode | whole / decode "
    "| HTA / breakdown | HTA / whole |"
)


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu_s: float
    peak_mb: float
    failed: bool


def cost_of(command: list[str], repeats: int) -> Cost:
    """Return what a command takes, the median of its runs."""
    runs = sorted((_one(command) for _ in range(repeats)), key=lambda cost: cost.cpu_s)
    return runs[len(runs) // 2]


def _one(command: list[str]) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        words = [str(Path(folder) / "run") if word == OUT else word for word in command]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(round(used.ru_utime + used.ru_stime, 3), round(used.ru_maxrss / 1024, 1), status != 0)


def commands(trace: Path, hta: str | None) -> dict[str, list[str]]:
    """Return what to run on a trace, by name; `hta` is a Python that has it."""
    ours = [sys.executable, "-c"]
    found = {
        "decode": [*ours, DECODE, str(trace)],
        "breakdown": [*ours, BREAKDOWN, str(trace)],
        "whole": [sys.executable, "-m", "throughput", "analyze", str(trace), "--out", OUT, "--quiet"],
    }
    return found | ({"hta": [hta, "-c", HTA, str(trace)]} if hta else {})


def row(name: str, costs: dict[str, Cost]) -> str:
    """Return a row of the table: costs, then ratios of CPU seconds, and of peaks where HTA is in it."""
    cells = [_cell(costs.get(key)) for key in ("decode", "breakdown", "whole", "hta")]
    pairs = (("breakdown", "decode"), ("whole", "decode"), ("hta", "breakdown"), ("hta", "whole"))
    return " | ".join([f"| {name}", *cells, *(_ratio(costs.get(a), costs.get(b)) for a, b in pairs)]) + " |"


def _cell(cost: Cost | None) -> str:
    if cost is None:
        return "–"
    return "failed" if cost.failed else f"{cost.cpu_s:.2f} s, {cost.peak_mb:.0f} MB"


def _ratio(one: Cost | None, other: Cost | None) -> str:
    if one is None or other is None or one.failed or other.failed:
        return "–"
    return f"{one.cpu_s / other.cpu_s:.1f}x CPU, {one.peak_mb / other.peak_mb:.1f}x memory"


def main() -> None:
    """Print a row a trace."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("THROUGHPUT_TRACES"))
    parser.add_argument("--hta", help="Folder of an environment with HolisticTraceAnalysis.")
    parser.add_argument("--generate", default="", help="Sizes in MB, by commas.")
    parser.add_argument("--only", default="", help="Words of names, by commas.")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="Runs of each, the median counts.")
    parser.add_argument("--keep", action="store_true", help="Write the figures down.")
    asked = parser.parse_args()
    if not asked.folder:
        parser.error("name a folder of traces, or set THROUGHPUT_TRACES")
    hta = hta_python(Path(asked.hta)) if asked.hta else None
    words = [word for word in asked.only.split(",") if word]
    with contextlib.ExitStack() as stack:
        every = traces_of(Path(asked.folder))
        paths = [path for path in every if not words or any(word in path.name for word in words)]
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = max(every, key=lambda path: path.stat().st_size)
        sizes = [int(size) for size in asked.generate.split(",") if size]
        # In a process of its own: what this one holds would count as the peak of those that it starts.
        with ProcessPoolExecutor(1) as aside:
            paths += [aside.submit(generated, scratch, source, size).result() for size in sizes]
        print(HEAD)
        print("|---" * 9 + "|")
        for path in paths:
            begun = stamp()
            mine = None if path.parent == scratch else hta  # it takes minutes and gigabytes
            costs = {name: cost_of(command, asked.repeats) for name, command in commands(path, mine).items()}
            print(row(path.name, costs), flush=True)
            if asked.keep:
                told = {name: asdict(cost) for name, cost in costs.items()}
                kept = {**begun, "repeats": asked.repeats, "bytes": path.stat().st_size}
                save(KEPT, path.name, kept | told)


if __name__ == "__main__":
    main()
