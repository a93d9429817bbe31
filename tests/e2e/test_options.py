"""What the options do, and where a run may be written."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, Ran, assert_done, call, environment, profile, starter

SCRIPT = (
    PRELUDE
    + """
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
print("from the script")
for step in range(400):
    optimizer.zero_grad()
    loss_of(torch.randn(8, 16), torch.randn(8, 4)).backward()
    counted()
    optimizer.step()
"""
)


def test_json_is_all_of_standard_output(tmp_path: Path) -> None:
    ran = profile(tmp_path, SCRIPT, *QUICK, "--json")
    assert_done(ran)
    assert json.loads(ran.stdout) == ran.report
    assert ran.stdout == (ran.out / "report.json").read_bytes()
    assert b"from the script" in ran.stderr
    assert b"Throughput" in ran.stderr


def test_quiet_prints_nothing_of_ours(tmp_path: Path) -> None:
    ran = profile(tmp_path, SCRIPT, *QUICK, "--quiet")
    assert_done(ran)
    assert (ran.stdout, ran.stderr) == (b"from the script\n", b"")


def test_another_interpreter(tmp_path: Path) -> None:
    # A name of its own for the same Python: the script must run under that one.
    python = tmp_path / "another-python"
    python.write_text(f'#!/bin/sh\nexport STARTED_BY=another\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    script = SCRIPT + "assert os.environ['STARTED_BY'] == 'another'\n"
    ran = profile(tmp_path, script, *QUICK, "--python", str(python))
    assert_done(ran)
    assert ran.run["command"][0] == str(python)


def test_running_to_the_end(tmp_path: Path) -> None:
    ran = profile(tmp_path, SCRIPT + "print('at the end')\n", *QUICK, "--run-to-end")
    assert ran.code == 0
    assert ran.run["ended"] == "completed"
    assert b"at the end" in ran.stdout
    assert ran.own_count == 400
    assert ran.window["kept"] == 16


def test_defaults_of_the_project(tmp_path: Path) -> None:
    text = '[tool.throughput]\nsteps = 11\nwarmup = 5\ncollectors = ["loader"]\nmarker = "tick"\nstall = 30\n'
    (tmp_path / "pyproject.toml").write_text(text)
    script = SCRIPT.replace("    counted()\n", "    tick()\n").replace(
        "print(", "import time\ndef tick():\n    counted()\ntime.sleep(0.3)\nprint("
    )
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "train.py").write_text(script)
    ran = call(tmp_path, "profile", "train.py", "--out", str(tmp_path / "out"), cwd=tmp_path / "deep")
    ran.cwd = tmp_path / "deep"
    assert_done(ran)
    assert (ran.window["asked"], ran.window["step_rule"]) == (11, "calls of tick")
    ours = call(tmp_path, "profile", "train.py", "--out", "here", "--steps", "12", cwd=tmp_path / "deep")
    assert json.loads((tmp_path / "deep/here/report.json").read_text())["run"]["window"]["asked"] == 12
    assert ours.code == 0


def test_the_default_folder_is_named_for_time_and_script(tmp_path: Path) -> None:
    (tmp_path / "my train.py").write_text(SCRIPT)
    for _ in range(2):
        ran = call(tmp_path, "profile", "my train.py", "--steps", "10", *QUICK)
        assert ran.code == 0, ran.text
    names = sorted(p.name for p in (tmp_path / "reports").iterdir())
    assert len(names) == 2
    assert all(name[:8].isdigit() and "my-train" in name for name in names)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Nothing to profile"),
        (("train.py", "--steps", "0"), "--steps"),
        (("train.py", "--warmup", "some"), "--warmup"),
        (("train.py", "--collectors", "nonsense"), "nonsense"),
        (("train.py", "--stacks", "magic"), "--stacks"),
        (("train.py", "--python", "/nowhere/python"), "/nowhere/python"),
        (("--command", "--", "no-such-command"), "no-such-command"),
        (("train.py", "--stall", "-1"), "--stall"),
        (("train.py", "--max-seconds", "-1"), "--max-seconds"),
        (("train.py", "--budget", "much"), "much"),
        (("train.py", "--no-such-option"), "--no-such-option"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_wrong_words_are_refused_before_anything_runs(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "train.py").write_text("raise SystemExit('it ran')\n")
    ran = call(tmp_path, "profile", *words)
    assert ran.code == 2, ran.text
    assert said in ran.stderr.decode()
    assert b"it ran" not in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    "text", ["[tool.throughput]\nstepz = 3\n", "[tool.throughput\n", "[tool.throughput]\nsteps = 'a'\n"]
)
def test_a_wrong_pyproject_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "train.py").write_text("raise SystemExit('it ran')\n")
    ran = call(tmp_path, "profile", "train.py")
    assert ran.code == 2, ran.text
    assert b"Traceback" not in ran.stderr
    assert b"pyproject.toml" in ran.stderr


def full_folder(tmp_path: Path) -> Path:
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").write_text("kept")
    return full


@pytest.mark.parametrize("kind", ["a file", "inside a file", "not empty", "under /proc"])
def test_an_out_folder_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("kept")
    out = {
        "a file": tmp_path / "file",
        "inside a file": tmp_path / "file" / "deeper",
        "not empty": full_folder(tmp_path),
        "under /proc": Path("/proc/nowhere"),
    }[kind]
    ran = profile(tmp_path, "raise SystemExit('it ran')\n", "--out", str(out))
    assert ran.code == 2, ran.text
    assert str(out).encode() in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert b"it ran" not in ran.stderr
    assert (tmp_path / "file").read_text() == (tmp_path / "full" / "something").read_text() == "kept"


def with_room(tmp_path: Path, size_kb: int, *, steps: int) -> Ran:
    """Profile onto a file system of its own with little room, or skip where none may be mounted."""
    (tmp_path / "train.py").write_text(SCRIPT.replace("range(400)", f"range({steps})"))
    small = tmp_path / "small"
    small.mkdir()
    words = ("profile", "train.py", "--steps", str(steps - 40), "--out", str(small / "out"))
    mount = f'mount -t tmpfs -o size={size_kb}k none "{small}" || exit 77'
    after = f'code=$?; cp -r "{small}" "{tmp_path}/copy"; exit $code'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f'{mount}; "$@"; {after}', "sh", *starter(tmp_path), *words],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 77 or b"unshare failed" in done.stderr or b"unshare:" in done.stderr:
        pytest.skip("this machine lets nobody mount a file system of his own")
    return Ran(done.returncode, done.stdout, done.stderr, tmp_path / "copy" / "out", tmp_path)


@pytest.mark.parametrize("size_kb", [8, 40, 120])
def test_a_full_disk_ends_in_one_sentence(tmp_path: Path, size_kb: int) -> None:
    ran = with_room(tmp_path, size_kb, steps=400)
    assert ran.code == 5, ran.text
    assert b"The disk is full" in ran.stderr
    assert b"Traceback" not in ran.stderr
    # What there is can be read, or says plainly that it can't.
    again = call(tmp_path, "report", str(ran.out))
    assert again.code in (0, 2, 4), again.text
    assert b"Traceback" not in again.stderr


def test_a_limit_on_the_size_of_files_does_not_hurt_the_script(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT + "print('at the end')\n")
    words = ("profile", "train.py", "--steps", "300", "--run-to-end", "--out", str(tmp_path / "out"))

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    done = subprocess.run(
        [*starter(tmp_path), *words],
        cwd=tmp_path,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
        preexec_fn=limited,
    )
    assert b"at the end" in done.stdout, done.stderr
    assert done.returncode in (0, 5), done.stderr
    assert b"Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0 or b"larger than this session may write" in done.stderr
    assert (tmp_path / "counted.txt").stat().st_size == 400
