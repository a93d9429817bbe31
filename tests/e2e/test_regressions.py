"""Saving and checking with real processes: versions in turns, the culprit by name, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from tests.e2e import profiling
from tests.e2e.profiling import MARK, Ran, environment, left_behind, starter

TRAIN = """
import os, sys, time
os.environ["OMP_NUM_THREADS"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
{imports}

class Points(Dataset):
    def __len__(self):
        return 8 * 5000
    def __getitem__(self, index):
        return augment.enlarge(torch.full((8,), float(index)))

def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = torch.nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    for batch in DataLoader(Points(), batch_size=8):
        time.sleep(0.004)
        optimizer.zero_grad()
        model(batch).sum().backward()
        optimizer.step()

main()
"""
AUGMENT = """
import time

def round_pixels(sample):
    time.sleep({seconds})
    return sample.round()

def enlarge(sample):
    return round_pixels(sample) * 2
"""
QUICK = ("--steps", "40", "--max-runs", "6", "--max-minutes", "6")


def call(tmp_path: Path, *words: str, cwd: Path, **env: str) -> Ran:
    """Call the command line; a check starts a dozen processes, which a busy machine makes long."""
    return profiling.call(tmp_path, *words, cwd=cwd, seconds=600, **env)


def git(folder: Path, *words: str) -> str:
    settings = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *settings, "-C", str(folder), *words], check=True, capture_output=True, text=True
    )
    return done.stdout


def repository(tmp_path: Path, *, package: str = "", now: float = 0.002) -> Path:
    """Return a project of two commits: the second one makes each sample take longer, 1 ms before."""
    folder = tmp_path.resolve() / "project"
    code = folder / package
    code.mkdir(parents=True)
    git(tmp_path, "init", "-q", str(folder))
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.throughput]\nlink = ["data"]\n')
    (folder / ".gitignore").write_text("data/\nreports/\n")
    (folder / "data").mkdir()
    (folder / "data" / "points.txt").write_text("8")
    if package:
        (code / "__init__.py").write_text("")
    name = package.rpartition("/")[2]
    imports = f"from {name} import augment" if name else "import augment"
    read = 'assert open("data/points.txt").read() == "8"'
    (folder / "train.py").write_text(TRAIN.format(imports=f"{imports}\n{read}"))
    for seconds in (0.001, now):
        (code / "augment.py").write_text(AUGMENT.format(seconds=seconds))
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", f"{seconds} s a sample", "--allow-empty")
    return folder


def text(ran: Ran) -> str:
    return " ".join(ran.stdout.decode().replace("\u00a0", " ").split())


def worktrees(folder: Path) -> int:
    return len(git(folder, "worktree", "list").splitlines())


def test_a_slower_function_between_two_commits_is_named(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    summary = tmp_path / "summary.md"
    ran = call(
        tmp_path, "check", "train.py", "--base-ref", "HEAD~1", *QUICK, "--markdown", str(summary), cwd=folder
    )
    assert ran.code == 1, ran.text
    said = text(ran)
    assert said.startswith("Slower by "), said
    sentence = said.partition(" HEAD~1")[0]
    assert "data loading +" in sentence
    assert "`round_pixels` (augment.py:" in sentence or "`time.sleep`" in sentence, sentence
    assert summary.read_text(encoding="utf-8").startswith("### ❌ Slower by ")
    assert worktrees(folder) == 1
    assert git(folder, "status", "--porcelain") == ""


def test_the_same_code_is_not_slower(tmp_path: Path) -> None:
    folder = repository(tmp_path, now=0.001)
    ran = call(
        tmp_path,
        "check",
        "train.py",
        "--base-ref",
        "HEAD~1",
        *QUICK,
        "--threshold",
        "15%",
        "--json",
        cwd=folder,
    )
    assert ran.code == 0, ran.text
    found = json.loads(ran.stdout)
    assert (found["outcome"], found["form"]) == ("same", "lockstep")
    assert found["high"] < 1.15
    assert found["values"] >= 3


def test_a_package_that_is_on_the_path_is_taken_from_the_revision(tmp_path: Path) -> None:
    # As an editable install of a src layout: the project's own folder stands on the path.
    folder = repository(tmp_path, package="src/shapes")
    ran = call(
        tmp_path, "check", "train.py", "--base-ref", "HEAD~1", *QUICK, "-q", cwd=folder,
        PYTHONPATH=str(folder / "src"),
    )  # fmt: skip
    assert ran.code == 1, ran.text
    assert text(ran).startswith("Slower by ")


HOOK = """
import importlib.util, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "augment":
            return importlib.util.spec_from_file_location(name, {file!r})

sys.meta_path.insert(0, Finder())
"""


def test_an_import_hook_that_leads_to_the_other_version_is_refused(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(HOOK.format(file=str(folder / "augment.py")))
    ran = call(
        tmp_path, "check", "train.py", "--base-ref", "HEAD~1", *QUICK, cwd=folder, PYTHONPATH=str(hooks)
    )
    assert ran.code == 6, ran.text
    assert b"augment.py, which belongs to the other version" in ran.stderr
    assert worktrees(folder) == 1


def test_a_script_that_fails_is_no_regression(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (folder / "train.py").write_text("import torch\nraise RuntimeError('no data here')\n")
    ran = call(tmp_path, "check", "train.py", "--base-ref", "HEAD", *QUICK, cwd=folder)
    assert ran.code == 3, ran.text
    assert b"no data here" in ran.stderr
    assert not ran.stdout
    assert worktrees(folder) == 1


def test_a_script_that_the_revision_lacks_is_not_comparable(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (folder / "new.py").write_text("import torch\n")
    ran = call(tmp_path, "check", "new.py", "--base-ref", "HEAD", cwd=folder)
    assert ran.code == 6
    assert b"has no new.py" in ran.stderr


def test_ctrl_c_leaves_no_worktree_and_no_process(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    mark = uuid.uuid4().hex
    words = [*starter(tmp_path), "check", "train.py", "--base-ref", "HEAD~1"]
    child = subprocess.Popen(
        words,
        cwd=folder,
        env=environment(**{MARK: mark}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while worktrees(folder) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3)  # within a pair
    os.kill(child.pid, signal.SIGINT)
    assert child.wait(60) == 130
    assert worktrees(folder) == 1
    assert not left_behind(mark)


def test_another_command_as_base(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (folder / "old").mkdir()
    for name in ("train.py", "augment.py"):
        (folder / "old" / name).write_text(git(folder, "show", f"HEAD~1:{name}"))
    ran = call(
        tmp_path, "check", "train.py", "--base-command", f"{sys.executable} old/train.py", *QUICK,
        "--form", "interleaved", "-q", cwd=folder,
    )  # fmt: skip
    assert ran.code in (1, 7), ran.text  # one after the other, a busy machine may hide 40 %
    assert re.match(r"Slower by|Can't tell", text(ran)), ran.text


def test_saved_then_checked_with_the_saved_code_and_with_numbers(tmp_path: Path) -> None:
    folder = repository(tmp_path, now=0.001)
    (folder / "augment.py").write_text(AUGMENT.format(seconds=0.0011))  # not committed
    profile = ("profile", "train.py", "--steps", "40", "--collectors", "stacks,cprofile,torch", "-q")
    ran = call(tmp_path, *profile, "--save", "main", "--runs", "2", cwd=folder)
    assert ran.code == 0, ran.text
    assert b"only the paired form" in ran.stderr
    saved = folder / "benchmarks" / "saved"
    assert sorted(p.name for p in saved.iterdir()) == ["main.code.zip", "main.json", "main.stacks.gz"]
    found = json.loads((saved / "main.json").read_text(encoding="utf-8"))
    assert len(found["processes"]) == 2
    assert found["script"] == "train.py"
    (calls,) = [one for one in found["counts"] if one["name"] == "round_pixels"]
    assert (calls["per_step"], calls["exact"]) == (8.0, True)
    assert str(tmp_path) not in (saved / "main.json").read_text(encoding="utf-8")

    (folder / "augment.py").write_text(AUGMENT.format(seconds=0.003))
    ran = call(tmp_path, "check", "train.py", "--against", "main", *QUICK, "--json", cwd=folder)
    assert ran.code == 1, ran.text
    verdict = json.loads(ran.stdout)
    assert (verdict["form"], verdict["part"]["component"]) == ("lockstep", "data_loading")

    ran = call(
        tmp_path, "check", "--against", "main", "--form", "stored", "--max-runs", "3", "--json", cwd=folder
    )
    assert ran.code in (1, 7), ran.text
    verdict = json.loads(ran.stdout)
    assert verdict["form"] == "stored"
    assert verdict["ratio"] > 1.3


def test_changed_work_is_named_and_fails_where_counts_are_strict(tmp_path: Path) -> None:
    folder = repository(tmp_path, now=0.001)
    script = (folder / "train.py").read_text()
    changed = script.replace("optimizer.step()", "optimizer.step(); batch.sum().item()")
    (folder / "train.py").write_text(changed)
    ran = call(
        tmp_path, "check", "train.py", "--base-ref", "HEAD", *QUICK, "--threshold", "30%",
        "--counts", "strict", cwd=folder,
    )  # fmt: skip
    assert ran.code == 1, ran.text
    said = text(ran)
    assert said.startswith("Work changed, and counts are strict."), said
    work = r"Work changed: `aten::(_local_scalar_dense|item)` 0 → 1 a step, train\.py:\d+"
    assert re.search(work, said), said


@pytest.mark.parametrize("number", [2, 3])
def test_runs_are_saved_by_name(tmp_path: Path, number: int) -> None:
    folder = repository(tmp_path, now=0.001)
    runs = []
    for index in range(number):
        out = tmp_path / f"run-{index}"
        ran = call(
            tmp_path, "profile", "train.py", "--steps", "24", "--collectors", "stacks",
            "--out", str(out), "-q", cwd=folder,
        )  # fmt: skip
        assert ran.code == 0, ran.text
        runs.append(str(out))
    ran = call(tmp_path, "save", *runs, "--name", "v1", cwd=folder)
    assert ran.code == 0, ran.text
    assert (b"too few" in ran.stderr) == (number < 3)
    found = json.loads((folder / "benchmarks" / "saved" / "v1.json").read_text(encoding="utf-8"))
    assert len(found["processes"]) == number
    assert found["commit"] == git(folder, "rev-parse", "HEAD").strip()  # clean: no code beside it
    ran = call(tmp_path, "compare", runs[0], "v1", cwd=folder)
    assert ran.code == 0, ran.text
