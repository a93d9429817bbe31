"""cProfile's block: which threads are counted, who called whom, and scripts that profile themselves."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.collect.lock_runs import INPROCESS, PYTHONS
from throughput.align.calls import read_calls
from throughput.align.frames import FrameReader
from throughput.model.timeline import ALREADY_RUNNING, Call

SCRIPT = f"""
import os, sys, threading
sys.path.append({str(INPROCESS)!r})
import cProfile
from throughput_inprocess import calls
from throughput_inprocess.recorder import recorder
recorder.open(sys.argv[1])

def leaf(): return sum(range(200))
def work():
    for _ in range(50): leaf()
"""
PLAIN = SCRIPT + "calls.begin(); work(); calls.end()\n"


@dataclass
class Counted:
    """What one process wrote, by role, and what it said of the collector."""

    tables: dict[str, tuple[Call, ...]]
    said: list[dict[str, Any]]
    python: tuple[int, int]

    def calls_of(self, role: str, function: str) -> int:
        return sum(c.calls for c in self.tables.get(role, ()) if c.function == function)


def run(tmp_path: Path, text: str, python: str) -> Counted:
    script, raw = tmp_path / "script.py", tmp_path / "raw"
    raw.mkdir()
    script.write_text(text + "\nprint(sys.version_info[0], sys.version_info[1])\n")
    done = subprocess.run([python, script, raw], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    tables: dict[str, tuple[Call, ...]] = {}
    for path in raw.glob("calls-*.json"):
        with path.open("rb") as file:
            found = read_calls(file, FrameReader(str(tmp_path)))
        assert found, "align reads what was written"
        role = found[0].role
        tables[role] = tables.get(role, ()) + found
    lines = next(raw.glob("notes-*.jsonl")).read_text().splitlines()
    said = [note for line in lines if (note := json.loads(line))["kind"] == "collector"]
    major, minor = done.stdout.split()[-2:]
    return Counted(tables, said, (int(major), int(minor)))


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_calls_and_callers_of_the_training_thread(tmp_path: Path, python: str) -> None:
    found = run(tmp_path, PLAIN, python)
    rows = {call.function: call for call in found.tables["training"]}
    assert (rows["leaf"].calls, rows["work"].calls) == (50, 1)
    (caller,) = rows["leaf"].callers
    assert caller[2:4] == ("work", 50)
    assert caller[5] == rows["leaf"].total_ns
    (above,) = rows["work"].callers
    assert above[:3] == ALREADY_RUNNING
    assert above[5] == pytest.approx(rows["work"].total_ns, rel=0.01)
    assert found.said == []


def test_threads_that_start_in_the_block_are_counted(tmp_path: Path, python: str) -> None:
    text = """
calls.begin()
threads = [threading.Thread(target=work) for _ in range(3)]
[t.start() for t in threads]; [t.join() for t in threads]
work()
calls.end()
"""
    found = run(tmp_path, SCRIPT + text, python)
    if found.python >= (3, 12):
        assert found.calls_of("all threads", "leaf") == 200
        assert "all threads" in found.said[0]["reason"]
    else:
        assert found.calls_of("training", "leaf") == 50
        assert found.calls_of("thread", "leaf") == 150


def test_a_thread_that_ran_before_is_named_or_counted(tmp_path: Path, python: str) -> None:
    text = """
go, gone = threading.Event(), threading.Event()
def wait(): go.wait(); work(); gone.set()
threading.Thread(target=wait, name="old").start()
calls.begin(); go.set(); gone.wait(); work(); calls.end()
"""
    found = run(tmp_path, SCRIPT + text, python)
    if found.python >= (3, 12):
        assert found.calls_of("all threads", "leaf") == 100
    else:
        assert found.calls_of("training", "leaf") == 50
        assert "already running (old)" in found.said[0]["reason"]
    assert found.said[0]["state"] == "ok"


THEIRS = {
    "cProfile, on before": """
p = cProfile.Profile(); p.enable()
calls.begin(); work(); calls.end()
p.disable(); p.create_stats(); assert any(key[2] == "leaf" for key in p.stats)
""",
    "cProfile, in the block": """
calls.begin()
p = cProfile.Profile()
with p: work()
calls.end()
p.create_stats(); assert any(key[2] == "leaf" for key in p.stats)
""",
    "sys.setprofile": """
seen = []
hook = lambda *row: seen.append(row)
sys.setprofile(hook)
calls.begin(); work(); calls.end()
assert sys.getprofile() is hook
sys.setprofile(None)
assert len(seen) >= 100
""",
}


@pytest.mark.parametrize("how", THEIRS)
def test_a_script_that_profiles_itself_keeps_its_profile(tmp_path: Path, python: str, how: str) -> None:
    found = run(tmp_path, SCRIPT + THEIRS[how], python)
    assert found.tables == {}
    assert [(note["state"], note["reason"]) for note in found.said] == [
        ("unavailable", "the script uses a profiler itself")
    ]


def test_a_profiler_that_the_script_sets_meanwhile_stays(tmp_path: Path, python: str) -> None:
    text = """
seen = []
hook = lambda *row: seen.append(row)
calls.begin(); sys.setprofile(hook); work(); calls.end()
assert sys.getprofile() is hook
sys.setprofile(None)
"""
    found = run(tmp_path, SCRIPT + text, python)
    lost = [note["state"] for note in found.said] == ["unavailable"]
    assert lost or found.calls_of("training", "leaf") == 50  # 3.12 and later count side by side


def test_everything_is_as_before_afterwards_also_in_a_fork(tmp_path: Path, python: str) -> None:
    text = """
calls.begin()
pid = os.fork()
if pid == 0:
    calls.forget()
    clean = sys.getprofile() is None and threading._profile_hook is None
    p = cProfile.Profile(); p.enable(); work(); p.disable()
    os._exit(0 if clean else 9)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
work()
calls.end()
assert sys.getprofile() is None and threading._profile_hook is None and "enable" not in vars(cProfile.Profile)
p = cProfile.Profile(); p.enable(); work(); p.disable()
"""
    assert run(tmp_path, SCRIPT + text, python).calls_of("training", "leaf") == 50


def test_small_callers_are_left_out(tmp_path: Path, python: str) -> None:
    text = """
def tiny(): pass
calls.begin(); tiny(); [work() for _ in range(200)]; calls.end()
"""
    rows = {c.function: c for c in run(tmp_path, SCRIPT + text, python).tables["training"]}
    assert rows["tiny"].calls == 1
    assert rows["tiny"].callers == ()
    assert rows["leaf"].callers
