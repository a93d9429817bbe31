"""Run a script under our locks in a process of its own, and read what it recorded."""

from __future__ import annotations

import importlib
import json
import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INPROCESS = Path(__file__).parents[3] / "throughput" / "collect" / "inprocess"
# The interpreter at hand, and others that are named (os.pathsep between them).
PYTHONS = [sys.executable, *filter(None, os.environ.get("THROUGHPUT_PYTHONS", "").split(os.pathsep))]

PRELUDE = f"""
import sys, threading, time
sys.path.append({str(INPROCESS)!r})
RawLock, RawRLock = threading.Lock, threading.RLock
from throughput_inprocess import locks
from throughput_inprocess.recorder import recorder
locks.install()
recorder.open(sys.argv[1])

def run(*targets):
    threads = [threading.Thread(target=t, name=t.__name__) for t in targets]
    [t.start() for t in threads]
    [t.join() for t in threads]
"""


@dataclass
class Recorded:
    """What one process wrote."""

    waits: list[dict[str, int]]
    locks: dict[int, dict[str, Any]]
    stacks: dict[int, list[list[Any]]]
    threads: dict[int, str]

    def line(self, stack: int) -> str:
        """Return the source line's function and number at the inner end of a stack."""
        function, _, line, _ = self.stacks[stack][-1]
        return f"{function.rpartition('.')[2]}:{line}"


def read(events: Path) -> Recorded:
    rows = struct.iter_unpack("<8q", events.read_bytes())
    keys = ("kind", "thread", "start", "end", "lock", "holder", "holder_stack", "waiter_stack")
    waits = [dict(zip(keys, row, strict=True)) for row in rows if row[0] == 7]
    text = events.with_name(events.name.replace("events", "notes")).with_suffix(".jsonl").read_text()
    notes = [json.loads(line) for line in text.splitlines()]
    return Recorded(
        waits,
        {n["id"]: n for n in notes if n["kind"] == "lock"},
        {n["id"]: n["frames"] for n in notes if n["kind"] == "stack"},
        {n["tid"]: n["name"] for n in notes if n["kind"] == "thread"},
    )


def run(tmp_path: Path, body: str, python: str = sys.executable) -> tuple[list[Recorded], Path]:
    """Run a script under our locks; return what each of its processes recorded, the main one first."""
    script, raw = tmp_path / "script.py", tmp_path / "raw"
    raw.mkdir()
    script.write_text(PRELUDE + body + "\nrecorder.flush()\n")
    command = [python, str(script), str(raw)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    files = sorted(raw.glob("events-*.i64"), key=lambda p: p.stat().st_ctime_ns)
    main = [f for f in files if f"-{done.stdout.split()[-1]}." in f.name] if done.stdout.split() else []
    return [read(f) for f in (main + [f for f in files if f not in main])], script


def line_of(script: Path, mark: str) -> int:
    lines = script.read_text().splitlines()
    return next(number for number, text in enumerate(lines, 1) if mark in text)


def inprocess_locks() -> Any:
    """Import the module as the script's process does, by its own top-level name."""
    sys.path.append(str(INPROCESS))
    try:
        return importlib.import_module("throughput_inprocess.locks")
    finally:
        sys.path.remove(str(INPROCESS))
