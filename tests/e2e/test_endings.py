"""However a script ends, what was measured is reported, once, with the exit code that says it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from tests.e2e.profiling import (
    MARK,
    PRELUDE,
    QUICK,
    Ran,
    assert_done,
    call,
    environment,
    left_behind,
    profile,
    starter,
)

LOOP = """
import sys, time
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
def train(steps=100000, pause=0.0):
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss_of(torch.randn(8, 16), torch.randn(8, 4)).backward()
        time.sleep(pause)
        counted()
        optimizer.step()
"""


def test_a_missing_script(tmp_path: Path) -> None:
    ran = call(tmp_path, "profile", "no such.py")
    assert ran.code == 2
    assert ran.stderr.decode().splitlines()[0] == "throughput: There is no file no such.py here."
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("words", [("-m", "no_such_module"), ("--", "folder")])
def test_a_module_or_folder_that_does_not_run(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "folder").mkdir()
    ran = call(tmp_path, "profile", "--out", str(tmp_path / "out"), *words)
    assert ran.code == 3
    assert ran.run["script_exit_code"] == 1
    assert b"No module named no_such_module" in ran.stderr or b"can't find '__main__'" in ran.stderr


def test_a_crash_at_import(tmp_path: Path) -> None:
    ran = profile(tmp_path, "import torch\nimport no_such_thing_at_all\n")
    assert ran.code == 3
    assert ran.run["ended"] == "crashed"
    assert ran.run["script_exit_code"] == 1
    assert ran.stderr.count(b"No module named 'no_such_thing_at_all'") == 1
    assert b"Traceback" not in ran.stdout
    assert (ran.out / "report.html").exists()


def test_a_syntax_error(tmp_path: Path) -> None:
    ran = profile(tmp_path, "def broken(:\n")
    assert ran.code == 3
    assert ran.stderr.count(b"SyntaxError") == 1


def test_a_crash_at_step_37(tmp_path: Path) -> None:
    script = """
def fail_at(number):
    if number == 37:
        raise ValueError("at the step")
for number in range(1, 1000):
    fail_at(number)
    train(1)
"""
    ran = profile(tmp_path, PRELUDE + LOOP + script, "--steps", "200")
    assert ran.code == 3, ran.text
    assert (ran.run["ended"], ran.run["script_exit_code"]) == ("crashed", 1)
    assert ran.stderr.count(b"Traceback (most recent call last)") == 1
    assert ran.stderr.count(b"ValueError: at the step") == 1
    assert ran.seen == ran.own_count == 36
    assert ran.report["throughput"]["steps_per_s"] > 0
    assert b"The script crashed" in ran.stdout
    assert ran.report["end"]["kind"] == "exception"
    assert "ValueError: at the step, in fail_at train.py:" in ran.report["end"]["sentence"]


def test_a_crash_of_the_interpreter_leaves_its_stack(tmp_path: Path) -> None:
    script = """
import ctypes
def crash():
    ctypes.string_at(0)
train(30, pause=0.03)
crash()
"""
    ran = profile(tmp_path, PRELUDE + LOOP + script, "--steps", "200", *QUICK)
    assert ran.code == 3, ran.text
    assert ran.run["ended"] == "crashed"
    assert ran.report["end"]["kind"] == "segfault"
    assert "crash train.py:" in ran.report["end"]["sentence"]
    assert ran.seen == ran.own_count == 30
    assert b"SIGSEGV" in ran.stdout


def test_a_kill_of_throughput_leaves_a_readable_run_and_no_process(tmp_path: Path) -> None:
    # Rows are written every 20 ms, with the next event: what is newer than that is lost with the process.
    script = "train(60)\ntime.sleep(0.1)\ntrain(2)\nopen('ready', 'w').close()\ntime.sleep(300)\n"
    (tmp_path / "train.py").write_text(PRELUDE + LOOP + script)
    mark = uuid.uuid4().hex
    words = ("profile", "train.py", "--steps", "1000", "--out", str(tmp_path / "out"), *QUICK)
    with subprocess.Popen(
        [*starter(tmp_path), *words], cwd=tmp_path, env=environment(**{MARK: mark}),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.kill()
    assert not left_behind(mark, patience_s=20.0), left_behind(mark)
    ran = call(tmp_path, "report", "out", "--format", "json", "--out", "again.json")
    assert ran.code == 0, ran.text
    report = json.loads((tmp_path / "again.json").read_text())
    assert report["run"]["ended"] == "unfinished"
    window = report["run"]["window"]
    assert 60 <= window["kept"] + window["warmup"] + window["dropped"] <= 62


@pytest.mark.parametrize(
    "body",
    [
        "print('no torch here')",
        PRELUDE + "model(torch.ones(1, 16))\n",
        PRELUDE + "for batch in data:\n    pass\n",
    ],
    ids=["without torch", "with torch", "with data"],
)
def test_a_script_that_never_steps(tmp_path: Path, body: str) -> None:
    ran = profile(tmp_path, body)
    assert ran.code == 3, ran.text
    assert (ran.run["ended"], ran.run["script_exit_code"]) == ("never_stepped", 0)
    assert "optimizer" in ran.notes
    assert "--marker" in ran.notes
    assert b"--marker" in ran.stderr


def test_a_marker_that_is_never_called(tmp_path: Path) -> None:
    ran = profile(tmp_path, PRELUDE + LOOP + "train(40)\n", *QUICK, "--marker", "no_such_function")
    assert ran.code == 3, ran.text
    assert "no_such_function" in ran.notes


@pytest.mark.parametrize("steps", [1, 2, 5, 30])
def test_fewer_steps_than_asked_for(tmp_path: Path, steps: int) -> None:
    ran = profile(tmp_path, PRELUDE + LOOP + f"train({steps})\n", "--steps", "200")
    assert ran.code == 0, ran.text
    assert (ran.run["ended"], ran.run["script_exit_code"]) == ("script_ended", 0)
    assert b"ended by itself before all steps" in ran.stdout
    assert ran.seen == steps, ran.window


def test_a_hang_is_recorded_with_its_stacks_and_the_locks_that_cause_it(tmp_path: Path) -> None:
    script = """
import threading
left = threading.Lock()
right = threading.Lock()
def never_returns(first, second):
    with first:
        time.sleep(0.5)
        with second:
            pass
train(30, pause=0.03)
threading.Thread(target=never_returns, args=(right, left), name="writer", daemon=True).start()
never_returns(left, right)
"""
    ran = profile(tmp_path, PRELUDE + LOOP + script, "--steps", "200", "--stall", "3")
    assert ran.code == 3, ran.text
    assert ran.run["ended"] == "stalled"
    assert ran.seen == ran.own_count == 30
    assert "sign of life" in ran.notes
    assert "never_returns" in (ran.out / "raw" / "stall.txt").read_text()
    stall = ran.report["stall"]
    assert stall["step"] == 31
    assert stall["sentence"] == (
        "stalled at step 31: deadlock: the main thread waits for `right`, held by thread writer, "
        "which waits for `left`, held by the main thread"
    )
    assert [(row["thread"], row["lock"]) for row in stall["waits_for"]] == [
        ("writer", "right"),
        ("MainThread", "left"),
    ]
    assert b"deadlock" in ran.stdout


def test_a_worker_that_never_answers_is_named(tmp_path: Path) -> None:
    script = """
class Stuck(torch.utils.data.Dataset):
    def __len__(self):
        return 320
    def __getitem__(self, index):
        worker = torch.utils.data.get_worker_info()
        if worker.id == 1 and index > 200:
            time.sleep(300)
        return torch.zeros(16)
import sys, time
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for batch in torch.utils.data.DataLoader(Stuck(), 8, num_workers=2):
    model(batch).sum().backward()
    time.sleep(0.03)
    counted()
    optimizer.step()
"""
    ran = profile(tmp_path, PRELUDE + script, "--steps", "200", "--stall", "3", *QUICK)
    assert ran.code == 3, ran.text
    sentence = ran.report["stall"]["sentence"]
    assert "the main thread waits for worker 1, which" in sentence
    assert "time.sleep at train.py:" in sentence
    assert [row["process"] for row in ran.report["stall"]["waits_for"]] == ["worker 1"]


def test_a_hang_before_torch_is_imported(tmp_path: Path) -> None:
    ran = profile(tmp_path, "import time\ndef wait():\n    time.sleep(300)\nwait()\n", "--stall", "2")
    assert ran.code == 3, ran.text
    assert ran.run["ended"] == "stalled"
    assert "wait" in (ran.out / "raw" / "stall.txt").read_text()


def test_a_busy_pause_is_no_hang(tmp_path: Path) -> None:
    script = "\ntrain(30)\nuntil = time.monotonic() + 4\nwhile time.monotonic() < until:\n    pass\ntrain()\n"
    ran = profile(tmp_path, PRELUDE + LOOP + script, *QUICK, "--steps", "60", "--stall", "2")
    assert_done(ran)


def test_a_time_limit_keeps_what_there_is(tmp_path: Path) -> None:
    options = ("--steps", "9999", "--max-seconds", "8")
    ran = profile(tmp_path, PRELUDE + LOOP + "train(pause=0.02)\n", *QUICK, *options)
    assert ran.code == 0, ran.text
    assert ran.run["ended"] == "max_seconds"
    assert 10 < ran.window["kept"] < 9999
    assert b"--max-seconds ended it" in ran.stdout


def test_a_time_limit_in_a_script_that_does_not_step(tmp_path: Path) -> None:
    ran = profile(tmp_path, PRELUDE + "while True:\n    pass\n", *QUICK, "--max-seconds", "3")
    assert ran.run["ended"] == "max_seconds"
    assert ran.code == 0


def interrupted(tmp_path: Path, script: str, *, times: int, after: int) -> Ran:
    """Return a run that got Ctrl-C when the script had counted so many steps."""
    (tmp_path / "train.py").write_text(PRELUDE + script)
    mark, counted = uuid.uuid4().hex, tmp_path / "counted.txt"
    words = ("profile", "train.py", "--steps", "100000", "--out", str(tmp_path / "out"), *QUICK)
    with subprocess.Popen(
        [*starter(tmp_path), *words],
        cwd=tmp_path,
        env=environment(**{MARK: mark}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        deadline = time.monotonic() + 60
        while not (counted.exists() and counted.stat().st_size >= after):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for _ in range(times):
            # To the whole foreground group, as a terminal does.
            os.killpg(running.pid, signal.SIGINT)
            time.sleep(0.3)
        stdout, stderr = running.communicate(timeout=60)
    assert not left_behind(mark), left_behind(mark)
    return Ran(running.returncode, stdout, stderr, tmp_path / "out", tmp_path)


def test_ctrl_c_gives_the_report_of_what_was_measured(tmp_path: Path) -> None:
    ran = interrupted(tmp_path, LOOP + "train(pause=0.01)\n", times=1, after=40)
    assert ran.code == 130, ran.text
    assert ran.run["ended"] == "interrupted"
    assert ran.seen == ran.own_count >= 40
    assert ran.report["throughput"]["steps_per_s"] > 0
    assert b"Traceback" not in ran.stderr, ran.text
    assert b"Interrupted" in ran.stdout


def test_a_second_ctrl_c_ends_a_script_that_does_not_stop(tmp_path: Path) -> None:
    script = (
        LOOP
        + "train(40)\nimport signal\n"
        + "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\ntime.sleep(300)\n"
    )
    ran = interrupted(tmp_path, script, times=2, after=40)
    assert ran.code == 130, ran.text
    assert ran.run["ended"] == "interrupted"


ORPHANS = {
    "a daemon": "import subprocess\nsubprocess.Popen(['sleep', '300'], start_new_session=True)\n",
    "a double fork": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(300)
    os._exit(0)
""",
    "a child that ignores signals": """
import signal
if os.fork() == 0:
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
    time.sleep(300)
""",
    "workers": """
loader = iter(torch.utils.data.DataLoader(data, 8, num_workers=2, persistent_workers=True))
next(loader)
""",
}


@pytest.mark.parametrize("orphan", ORPHANS)
def test_no_process_is_left_behind(tmp_path: Path, orphan: str) -> None:
    ran = profile(tmp_path, PRELUDE + LOOP + ORPHANS[orphan] + "train()\n", *QUICK)
    assert_done(ran)
