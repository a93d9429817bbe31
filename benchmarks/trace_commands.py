"""What `traces.py` runs, each in a fresh process: decoding, our breakdown, HTA's; and traces of any size."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

HTA_PACKAGES = ("HolisticTraceAnalysis==0.5.0", "pandas==2.2.3")
"""The newest HTA; its critical path fails with pandas 3."""
LIMIT_S = 1200

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
with tempfile.TemporaryDirectory() as folder:
    shutil.copy(sys.argv[1], folder)
    file = str(Path(folder) / Path(sys.argv[1]).name)
    one = TraceAnalysis(trace_files={0: file}, trace_dir=folder)
    one.get_temporal_breakdown(visualize=False)
    one.get_idle_time_breakdown(ranks=[0], visualize=False)
    one.get_comm_comp_overlap(visualize=False)
"""


def hta_python(folder: Path) -> str:
    """Return a Python that has HTA: an environment in `folder`, made where it isn't there yet."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=LIMIT_S)
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *HTA_PACKAGES]
        subprocess.run(words, check=True, timeout=LIMIT_S)
    return str(python)


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
