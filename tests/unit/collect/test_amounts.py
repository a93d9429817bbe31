"""Bytes that a batch reads and a worker pickles, and instructions: counted in their block alone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.collect.lock_runs import INPROCESS
from throughput.align.amounts import read_amounts
from throughput.align.notes import Notes, read_notes

HAS_ACCOUNTS = Path("/proc/self/io").exists()
SCRIPT = f"""
import multiprocessing, os, struct, sys, threading
sys.path.append({str(INPROCESS)!r})
from throughput_inprocess import amounts, instructions, loader
from throughput_inprocess.recorder import recorder
recorder.open(sys.argv[1])
"""
READS = (
    SCRIPT
    + """
file = sys.argv[1] + "/data"
with open(file, "wb") as opened:
    opened.write(bytes(70_000))

class Fetcher:
    def fetch(self, index):
        for _ in range(index):
            with open(file, "rb", buffering=0) as opened:
                opened.read()
        return index

Fetcher.fetch = loader.wrap_fetch(Fetcher.fetch)
fetcher = Fetcher()
fetcher.fetch(1)
amounts.begin()
assert [fetcher.fetch(n) for n in (1, 1, 2)] == [1, 1, 2]
other = threading.Thread(target=fetcher.fetch, args=(5,))  # another thread's account is not ours
other.start()
other.join()
amounts.end()
fetcher.fetch(3)
"""
)
PICKLES = (
    SCRIPT
    + """
queue = multiprocessing.Queue()
def send(*messages):
    for message in messages:
        queue.put(message)
        queue.get()
send((0, bytes(500)))
amounts.begin()
amounts.count_pickles()
amounts.count_pickles()
send((1, bytes(1000)), (2, bytes(3000)), "no batch", (None, None))
child = os.fork()
if not child:
    recorder.after_fork()
    amounts.forget()
    queue = multiprocessing.Queue()  # the thread that sends was not forked
    send((3, bytes(9000)))
    amounts.note()
    os._exit(0)
os.waitpid(child, 0)
amounts.end()
send((4, bytes(9000)))
"""
)


def noted(tmp_path: Path, text: str) -> list[Notes]:
    """Return the notes of each process that a script made."""
    script, raw = tmp_path / "script.py", tmp_path / "raw"
    raw.mkdir()
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, script, raw], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [read_notes(io.BytesIO(path.read_bytes())) for path in sorted(raw.glob("notes-*.jsonl"))]


def row(name: str, *values: int) -> dict[str, Any]:
    return {"name": name, **dict(zip(("times", "total", "least", "most"), values, strict=True))}


@pytest.mark.skipif(not HAS_ACCOUNTS, reason="this kernel keeps no accounts of what threads read")
def test_bytes_read_by_fetches_of_the_block(tmp_path: Path) -> None:
    assert read_amounts(noted(tmp_path, READS)) == [row("bytes read", 3, 280_000, 70_000, 140_000)]


def test_bytes_pickled_in_the_block_and_not_in_a_fork(tmp_path: Path) -> None:
    (found,) = read_amounts(noted(tmp_path, PICKLES))
    assert (found["name"], found["times"]) == ("bytes pickled by workers", 2)
    assert 1000 < found["least"] < 1100
    assert 3000 < found["most"] < 3100
    assert found["total"] == found["least"] + found["most"]


def test_instructions_are_those_of_the_steps(tmp_path: Path) -> None:
    text = """
reads, writes = os.pipe()
os.write(writes, struct.pack("<3Q", 1000, 10, 5))
instructions._open = lambda: reads
instructions.begin()
instructions.end(4)
instructions.end(4)
"""
    (notes,) = noted(tmp_path, SCRIPT + text)
    # It counted half of the time, as two events that share a counter do.
    assert [(n["count"], n["steps"]) for n in notes.of("instructions")] == [(2000, 4)]


def test_where_perf_is_refused_there_are_no_instructions_and_where_not_there_are_some(tmp_path: Path) -> None:
    text = """
instructions.begin()
counted = instructions._state["fd"] >= 0
sum(range(100_000))
instructions.end(1)
assert instructions._state["fd"] == -1
print(int(counted), file=open(sys.argv[1] + "/counted", "w"))
"""
    (notes,) = noted(tmp_path, SCRIPT + text)
    found = [*notes.of("instructions")]
    assert len(found) == int((tmp_path / "raw" / "counted").read_text())
    assert all(note["count"] > 100_000 for note in found)


def test_damaged_and_repeated_notes() -> None:
    lines = [
        row("bytes read", 1, 5, 5, 5) | {"kind": "amount"},
        row("bytes read", 3, 30, 5, 20) | {"kind": "amount"},  # the last of a name is the whole
        row("bytes pickled by workers", 0, 0, 0, 0) | {"kind": "amount"},
        {"kind": "amount", "name": "bytes read", "times": "many"},
    ]
    one = read_notes(io.BytesIO("\n".join(map(json.dumps, lines)).encode()))
    other = Notes([row("bytes read", 1, 2, 2, 2) | {"kind": "amount"}])
    assert read_amounts([one, other]) == [row("bytes read", 4, 32, 2, 20)]
    assert read_amounts([]) == []
