"""Make a golden run of a run directory: small, and without a trace of the machine that it was recorded on.

    python -m tests.golden.slim RUN NAME [--every N]

writes `tests/golden/runs/NAME`: run.json, and raw/ with its larger files gzipped. Of py-spy's samples every
N-th is kept, of torch's trace the operators, of library sources nothing. Paths become those of a /project on
a Debian with a virtual environment in /venv; names of machines and people go.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.unit.align.pyspy_traces import Frame, Sample, written

STEP, TORCH, DROPPED, TRACED_STEPS = 2, 4, 1, 3
"""Kind and blocks of rows of events, and how many traced steps of a run with a device are kept."""
RUNS = Path(__file__).parent / "runs"
GZIPPED_BYTES = 10_000
OURS = "throughput_inprocess"
LIBRARY = re.compile(r"/[\w./@+-]*/(?:site|dist)-packages/")
STANDARD = re.compile(r"/[\w./@+-]*/lib/python3\.\d+/(?!site-packages|dist-packages)")
INTERPRETER = re.compile(r"/[\w./@+-]*/bin/python[\d.]*")
KEPT_ENVIRONMENT = (
    "os",
    "architecture",
    "cpus",
    "cpu_count",
    "cpu_quota",
    "memory_bytes",
    "container",
    "gpus",
)


def clean(text: str, run: dict[str, Any]) -> str:
    """Return text with the paths of a machine that never was."""
    return _cleaned(text, (run["script_dir"], run["cwd"]))


@functools.lru_cache(maxsize=100_000)
def _cleaned(text: str, folders: tuple[str, ...]) -> str:
    if "/" not in text:
        return text
    text = INTERPRETER.sub("/venv/bin/python", text)
    text = STANDARD.sub("/usr/lib/python3.11/", LIBRARY.sub("/venv/lib/python3.11/site-packages/", text))
    for folder in folders:
        text = text.replace(folder, "/project")
    return re.sub(r"/[\w./@+-]*/throughput_inprocess/", "/venv/throughput_inprocess/", text)


def clean_all(value: Any, run: dict[str, Any]) -> Any:
    """Return a JSON value with every text cleaned, and the names of machines gone."""
    if isinstance(value, str):
        return clean(value, run)
    if isinstance(value, dict):
        return {
            clean(k, run): "host-1" if k in ("host", "hostname") else clean_all(v, run)
            for k, v in value.items()
        }
    return [clean_all(item, run) for item in value] if isinstance(value, list) else value


def slim_run(run: dict[str, Any]) -> dict[str, Any]:
    """Return what `run.json` keeps."""
    environment = {k: run["environment"].get(k) for k in KEPT_ENVIRONMENT}
    started = "2026-01-01T00:00:00+00:00"
    kept: dict[str, Any] = clean_all(
        {**run, "environment": environment, "code": {}, "started_at": started}, run
    )
    return kept


def slim_stacks(events: list[dict[str, Any]], every: int) -> list[dict[str, Any]]:
    """Return py-spy's events as if it had sampled every N-th time only."""
    open_: dict[int, list[Frame]] = {}
    samples: list[Sample] = []
    seen: dict[tuple[int, int], int] = {}
    for number, event in enumerate(events):
        stack = open_.setdefault(event["tid"], [])
        if event["ph"] == "B":
            stack.append((event["name"], event["args"]["filename"], event["args"]["line"]))
        elif stack:
            stack.pop()
        key = (event["tid"], event["ts"], event["pid"])
        after = events[number + 1] if number + 1 < len(events) else {}
        if key != (after.get("tid"), after.get("ts"), after.get("pid")) and stack:
            thread = (event["pid"], event["tid"])
            seen[thread] = seen.get(thread, -1) + 1
            if seen[thread] % every == 0:
                samples.append((event["ts"], *thread, tuple(stack)))
    return written(samples)


DEVICE = ("kernel", "gpu_memcpy", "gpu_memset")
CALLS = ("cuda_runtime", "cuda_driver", "user_annotation")
KEPT_ARGUMENTS = ("device", "stream", "correlation", "bytes")


def slim_trace(trace: dict[str, Any]) -> dict[str, Any]:
    """Return a torch trace with the outermost operators of its busiest thread, or all that a device did."""
    if any(event.get("cat") in DEVICE for event in trace["traceEvents"]):
        return slim_device_trace(trace)
    operators = [e for e in trace["traceEvents"] if e.get("cat") == "cpu_op" and e.get("ph") == "X"]
    threads = Counter(e["tid"] for e in operators)
    busiest = threads.most_common(1)[0][0] if threads else None
    until, kept = 0.0, []
    for event in sorted(operators, key=lambda e: (e["ts"], -e["dur"])):
        if event["tid"] == busiest and event["ts"] >= until:
            until = event["ts"] + event["dur"]
            times = {"ts": round(event["ts"]), "dur": round(event["dur"], 1)}
            kept.append({f: event[f] for f in ("ph", "cat", "name", "tid")} | times)
    return {"baseTimeNanoseconds": trace.get("baseTimeNanoseconds", 0), "traceEvents": kept}


def slim_device_trace(trace: dict[str, Any]) -> dict[str, Any]:
    """Return a torch trace with operators, calls of the runtime and device work, short names, few arguments."""
    kept = []
    for event in sorted(trace["traceEvents"], key=lambda e: e.get("ts", 0)):
        if event.get("ph") != "X" or event.get("cat") not in ("cpu_op", *CALLS, *DEVICE):
            continue
        args = {k: v for k, v in event.get("args", {}).items() if k in KEPT_ARGUMENTS}
        named = {"name": event["name"][:60], **({"args": args} if event["cat"] != "cpu_op" else {})}
        fields = ("ph", "cat", "ts", "dur", "pid", "tid")
        kept.append({f: event[f] for f in fields} | named)
    return {"baseTimeNanoseconds": trace.get("baseTimeNanoseconds", 0), "traceEvents": kept}


def keep_few_traced_steps(target: Path) -> None:
    """Cut a device trace after its first steps; the block's other steps become dropped ones."""
    for path in target.glob("raw/rank-*/torch-trace.json.gz"):
        trace = json.loads(path.read_bytes())
        if not any(event.get("cat") in DEVICE for event in trace["traceEvents"]):
            continue
        # In steps-*.i64 where rows were written through memory, in events-*.i64 where not.
        files = (*path.parent.glob("steps-*.i64"), *path.parent.glob("events-*.i64"))
        (events,) = (file for file in files if len(_traced(file)))
        rows, traced = np.fromfile(events, "<i8").reshape(-1, 8), _traced(events)
        rows[traced[TRACED_STEPS:], 5] = DROPPED
        rows.tofile(events)
        pid = events.stem.partition("-")[2]
        notes = map(json.loads, path.parent.joinpath(f"notes-{pid}.jsonl").read_bytes().splitlines())
        anchor = next(note for note in notes if note["kind"] == "anchor")
        ended = rows[traced[TRACED_STEPS - 1], 2] - anchor["monotonic"] + anchor["wall"]
        until = (ended - trace["baseTimeNanoseconds"]) / 1e3
        trace["traceEvents"] = [event for event in trace["traceEvents"] if event["ts"] < until]
        path.write_bytes(dump(trace))


def _traced(events: Path) -> npt.NDArray[np.int64]:
    """Return which rows of a file are steps under torch.profiler."""
    rows = np.fromfile(events, "<i8")
    rows = rows[: len(rows) // 8 * 8].reshape(-1, 8)
    return np.flatnonzero((rows[:, 0] == STEP) & (rows[:, 5] == TORCH))


def slim_sources(index: dict[str, Any]) -> dict[str, Any]:
    """Return the index of sources without lines of libraries."""
    files = (f for f in index["files"] if OURS not in f["path"])
    return {"files": [{k: v for k, v in f.items() if k != "lines"} for f in files]}


def left_out(source: Path) -> set[str]:
    """Return the names of raw files that say nothing of the run."""
    index = json.loads((source / "raw" / "sources" / "index.json").read_bytes())
    return {"live", "output.log", *(f["stored"] for f in index["files"] if OURS in f["path"])}


def slim_file(path: Path, run: dict[str, Any], every: int) -> bytes:
    """Return what a raw file becomes."""
    data = path.read_bytes()
    if path.name == "stacks.json":
        return dump(clean_all(slim_stacks(json.loads(data), every), run))
    if path.name == "torch-trace.json.gz":
        return dump(slim_trace(json.loads(gzip.decompress(data))))  # plain: it is packed below
    if path.name == "index.json":
        return dump(clean_all(slim_sources(json.loads(data)), run))
    if path.suffix == ".jsonl":
        return b"\n".join(dump(clean_all(json.loads(line), run)) for line in data.splitlines()) + b"\n"
    if path.name.startswith("steps-"):
        return data.rstrip(b"\0") + bytes(-len(data.rstrip(b"\0")) % 64)
    if path.suffix == ".json":
        return dump(clean_all(json.loads(data), run))
    return data


def dump(value: Any) -> bytes:
    """Return a value as JSON without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()


def slim(source: Path, target: Path, every: int, *, packs: bool = True) -> int:
    """Write the golden run, each large file packed where asked; return its size in bytes."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    run = json.loads((source / "run.json").read_bytes())
    (target / "run.json").write_bytes(json.dumps(slim_run(run), indent=1).encode())
    unwanted = left_out(source)
    for path in sorted((source / "raw").rglob("*")):
        if path.is_dir() or path.name in unwanted:
            continue
        out = target / path.relative_to(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        data = slim_file(path, run, every)
        if packs and len(data) > GZIPPED_BYTES:
            out, data = out.with_name(out.name + ".packed"), gzip.compress(data, mtime=0)
        out.write_bytes(data)
    if not packs:
        keep_few_traced_steps(target)
    return sum(p.stat().st_size for p in target.rglob("*") if p.is_file())


def unpack(source: Path, target: Path) -> None:
    """Make a run directory of a golden run again."""
    shutil.copytree(source, target)
    for path in list(target.rglob("*.packed")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    print(f"{slim(options.run, RUNS / options.name, options.every):,} bytes")
