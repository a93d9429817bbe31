"""Make golden slices of recorded GPU traces: a step or two, small, without names of machines and people.

    python -m tests.golden.trace_slices FOLDER

reads the traces of FOLDER and writes `tests/golden/traces/*.json.gz` with the figures that a bitmap of
microseconds gives for each, and which rules fire. Of arguments only those are kept that are read.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.unit.align.bitmap import paint

SLICES = Path(__file__).parent / "traces"
EXPECTED = SLICES / "expected.json"
BYTES_MAX = 300_000
KEPT_ARGUMENTS = ("device", "stream", "correlation", "bytes", "Call stack")
KEPT_CATEGORIES = frozenset(
    "cpu_op Operator user_annotation cuda_runtime cuda_driver Runtime kernel Kernel gpu_memcpy Memcpy gpu_memset Memset "
    "python_function".split()
)
LIBRARY = re.compile(r"/[\w./@+-]*/(?:site|dist)-packages/")
STANDARD = re.compile(r"/[\w./@+-]*/lib/python3\.\d+/")
HOME = re.compile(r"/(?:home|Users|root|data|mnt|storage|tmp)/[\w./@+-]*/")
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
MARK = re.compile(r"^ProfilerStep#\d+$")

# Name of the slice, pattern of the trace, which of its steps (in order), device, shortest Python function in us.
CASES: tuple[tuple[str, str, tuple[int, ...], float], ...] = (
    ("resnet50-nw0", "kineto/resnet50_nw0*", (1,), 0),
    ("resnet50-nw4", "kineto/resnet50_nw4*", (1,), 0),
    ("imagenet-gpu1", "lotus/imagenet_b128_gpu1*", (2,), 20),
    ("imagenet-gpu4", "lotus/imagenet_b128_gpu4*", (2,), 100),
    ("df-index", "hta/df_index_resolver*", (1,), 100),
    ("trace-diff", "hta/trace_diff_control*", (1,), 0),
    ("negative-queue", "hta/negative_queue_rank0*", (1, 2), 0),
    ("mi250", "hta/amd_mi250_minitoy*", (0, 1), 0),
    *((f"megatron-rank{n}", f"megatron_tp8/megatron_kineto_{n}*", (0,), 0.0) for n in range(8)),
)


def load(path: Path) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()), strict=False)
    return whole


def clean(text: str) -> str:
    """Return a name without folders and addresses of the machine that it comes from."""
    text = STANDARD.sub("/usr/lib/python3.9/", LIBRARY.sub("/venv/lib/python3.9/site-packages/", text))
    return ADDRESS.sub("0x0", HOME.sub("", text))


def kept(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with what is read of it."""
    args = event.get("args")
    few = {k: args[k] for k in KEPT_ARGUMENTS if k in args} if isinstance(args, dict) else {}
    if "Call stack" in few:
        few["Call stack"] = clean(few["Call stack"])
    return {k: event[k] for k in ("ph", "cat", "pid", "tid", "ts", "dur") if k in event} | {
        "name": clean(str(event["name"])),
        "args": few,
    }


def sliced(whole: dict[str, Any], chosen: tuple[int, ...], shortest: float) -> dict[str, Any]:
    """Return the trace of some of its steps."""
    events = [e for e in whole["traceEvents"] if e.get("ph") == "X" and e.get("cat") in KEPT_CATEGORIES]
    marks = sorted((e for e in events if MARK.match(e["name"])), key=lambda e: e["ts"])
    mine = [marks[n] for n in chosen]
    first, last = mine[0]["ts"], max(e["ts"] + e["dur"] for e in mine)
    inside = [
        e
        for e in events
        if e["ts"] < last
        and e["ts"] + e.get("dur", 0) > first
        and (not MARK.match(e["name"]) or e in mine)
        and (e["cat"] != "python_function" or e["dur"] >= shortest)
    ]
    head = {k: whole[k] for k in ("schemaVersion", "baseTimeNanoseconds", "with_stack") if k in whole}
    rank = whole.get("distributedInfo") or {}
    return head | {
        "distributedInfo": {k: rank[k] for k in ("rank", "world_size") if k in rank},
        "deviceProperties": [{k: row[k] for k in ("id", "name")} for row in whole.get("deviceProperties", [])],
        "traceEvents": [kept(e) for e in inside],
    }


def figures(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a bitmap gives for each device that ran anything."""
    devices = sorted(
        {
            (e["args"].get("device", e["pid"]))
            for e in events
            if e["cat"].lower() in ("kernel", "gpu_memcpy", "memcpy", "gpu_memset", "memset")
        }
    )
    found = {}
    for device in devices:
        painted = paint(events, device)
        found[str(device)] = {
            "exposed": {k: round(v, 3) for k, v in painted.exposed.items()},
            "busy": round(painted.busy, 3),
            "loading": round(painted.loading, 3),
        }
    return found


def main(folder: Path) -> None:
    SLICES.mkdir(exist_ok=True)
    expected = {}
    for name, pattern, chosen, shortest in CASES:
        (path,) = folder.glob(pattern)
        whole = sliced(load(path), chosen, shortest)
        data = gzip.compress(json.dumps(whole, separators=(",", ":")).encode(), mtime=0)
        assert len(data) <= BYTES_MAX, (name, len(data))
        (SLICES / f"{name}.json.gz").write_bytes(data)
        expected[name] = figures(whole["traceEvents"])
    EXPECTED.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
