"""A look at processes that don't move, real ones; and the file that it makes, damaged ones too."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.collect.lock_runs import run
from throughput.align.events import read_events
from throughput.align.frames import FrameReader
from throughput.align.notes import Notes, read_notes
from throughput.align.stall import awaited_worker, read_long_waits, read_snapshot
from throughput.collect.stalls import as_text, look_at
from throughput.errors import DamagedFile, UsageError
from throughput.flows.stall import dump
from throughput.model.stall import Snapshot
from throughput.model.timeline import LockInfo

SLEEPER = """
import time
def sleeps_long():
    print("there", flush=True)
    time.sleep(60)
sleeps_long()
"""


def snapshot_of(data: bytes) -> Snapshot:
    return read_snapshot(data, FrameReader("/project"))


def test_a_process_that_sleeps(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    with subprocess.Popen([sys.executable, "sleeper.py"], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            found = look_at({process.pid})
            shown = dump(process.pid)
        finally:
            process.kill()
    (one,) = found
    assert one["tasks"][0]["native_id"] == process.pid
    text = as_text(found)
    assert f"== process {process.pid}" in text
    if one["refused"]:  # no ptrace here
        assert "no stacks" in text
        assert "could not be read" in shown.stall.sentence
        return
    assert "sleeps_long" in text
    assert "sleeps_long" in shown.text
    assert shown.stall.sentence.startswith("the main thread ")
    assert "time.sleep at sleeper.py:5" in shown.stall.sentence
    snapshot = snapshot_of(json.dumps({"pid": process.pid, "processes": found}).encode())
    (thread,) = snapshot.threads
    assert thread.frames[-1].function == "sleeps_long"


def test_a_process_that_is_not_there() -> None:
    pid = int(Path("/proc/sys/kernel/pid_max").read_text()) + 7
    assert look_at({pid}) == []
    with pytest.raises(UsageError, match="no process"):
        dump(pid)


def test_a_moment_read_back() -> None:
    threads = [
        {"tid": 9, "native_id": 5, "name": "MainThread", "frames": [["f", "/project/a.py", 3]]},
        {"tid": 8, "native_id": 6, "name": "throughput-stacks", "frames": []},
    ]
    tasks = [{"native_id": 5, "doing": "sleep"}, {"native_id": 6, "doing": "nonsense"}]
    bare = {"pid": 7, "refused": "no", "tasks": [{"native_id": 7, "name": "bash", "doing": "wait_child"}]}
    moment = {"pid": 5, "step": 3, "processes": [{"pid": 5, "threads": threads, "tasks": tasks}, bare]}
    found = snapshot_of(json.dumps(moment).encode())
    assert (found.step, found.pids, found.refused) == (3, (5, 7), {7: "no"})
    shown = [(t.pid, t.name, t.doing) for t in found.threads]
    assert shown == [(5, "MainThread", "sleep"), (7, "bash", "wait_child")]
    assert found.threads[0].frames[0].file == "a.py"


@given(st.binary(max_size=40) | st.sampled_from([b"[]", b'{"processes": 3}', b'{"pid": "x"}', b"{" * 5000]))
def test_a_damaged_file_is_refused_or_empty(data: bytes) -> None:
    with contextlib.suppress(DamagedFile):
        assert snapshot_of(data).threads == ()


def test_a_wait_that_lasts_is_noted_while_it_lasts(tmp_path: Path) -> None:
    body = """
from throughput_inprocess import lock_waits
lock_waits.LONG_S = 0.1
cache = threading.Lock()
def holds():
    with cache:
        time.sleep(0.6)
def waits():
    time.sleep(0.1)
    with cache:
        pass
    assert cache.acquire(timeout=5)
    assert not cache.acquire(timeout=0.3)
    assert not cache.acquire(timeout=0.05)
run(holds, waits)
"""
    run(tmp_path, body)
    (file,) = (tmp_path / "raw").glob("notes-*.jsonl")
    with file.open("rb") as opened:
        notes = read_notes(opened)
    names = {note["tid"]: note["name"] for note in notes.of("thread")}
    first, second = notes.of("long_wait")
    assert (names[first["thread"]], names[first["holder"]]) == ("waits", "holds")
    assert second["holder"] == second["thread"]
    assert len(list(notes.of("wait_over"))) == 2
    infos = {first["lock"]: LockInfo(name="cache", kind="Lock", made_at=None)}
    assert read_long_waits(1, notes, infos) == []  # all have ended
    cut = notes.rows.index(first) + 1
    (going,) = read_long_waits(1, Notes(notes.rows[:cut]), infos)
    assert (going.lock, going.tid, going.holder) == ("cache", first["thread"], first["holder"])


def test_the_worker_that_owes_the_oldest_batch() -> None:
    def rows(*found: tuple[int, ...]) -> bytes:
        return b"".join(struct.pack("<8q", *row) for row in found)

    asked = [(3, 0, 10 + n, 0, 1, n, n % 2, 0) for n in range(4)]
    arrived = [(4, 0, 20, 0, 1, 0, 0, 0), (4, 0, 21, 0, 1, 2, 0, 0)]
    assert awaited_worker(read_events(io.BytesIO(rows(*asked, *arrived)))) == 1
    assert awaited_worker(read_events(io.BytesIO(rows(*asked)))) == 0
    assert awaited_worker(read_events(io.BytesIO(b""))) is None
