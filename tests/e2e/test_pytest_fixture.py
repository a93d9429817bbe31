"""The fixture in somebody's own project: what could not be checked fails the test and says why."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.profiling import ROOT, environment
from tests.unit.compare import samples
from throughput.flows.project import project_of
from throughput.flows.saved import Content, write_benchmark

SECONDS = 300
"""Three processes that end at once, and their bases."""
PROJECT = {
    "pyproject.toml": "[project]\nname = 'own'\n[tool.pytest.ini_options]\npythonpath = ['.']\n",
    "training.py": """
import os, sys, time
os.environ["OMP_NUM_THREADS"] = "1"
import torch

def train(pause=0.003):
    model = torch.nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    for _ in range(4000):
        time.sleep(pause)
        optimizer.zero_grad()
        model(torch.ones(8, 8)).sum().backward()
        optimizer.step()

def fail():
    raise OSError("no data here")

if __name__ == "__main__":
    train(float(sys.argv[1]))
""",
    "tests/test_speed.py": """
import sys
import pytest
from training import fail, train

OLD = f"{sys.executable} training.py 0.003"

def test_function_that_fails(throughput_check):
    throughput_check(fail, base_command=OLD)

def test_nothing_was_saved(throughput_check):
    throughput_check("training.py", against="main")

def test_other_arguments(throughput_check):
    throughput_check("training.py", "0.003", against="saved")

def test_no_revision(throughput_check):
    throughput_check("training.py", base_ref="main")

def test_script_that_is_not_there(throughput_check):
    throughput_check("absent.py", base_command=OLD)

def test_script_that_fails(throughput_check):
    throughput_check("training.py", "fast", base_command=OLD)

def test_odd_option(throughput_check):
    throughput_check("training.py", base_command=OLD, fast=True)

def test_a_closure(throughput_check):
    throughput_check(lambda: train(), base_command=OLD)
""",
}
# The plugin is loaded by its entry point; from this checkout, whichever one is installed.
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
FAILED = re.compile(r"^FAILED tests/test_speed\.py::test_(\w+) - (.*)$", re.MULTILINE)


def test_a_project_of_its_own(tmp_path: Path) -> None:
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    write_benchmark(project_of(tmp_path), Content(benchmark=samples.benchmark("saved")))
    done = subprocess.run(
        [sys.executable, "-c", START, "-rf", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment(COLUMNS="400", PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = done.stdout.replace("\u00a0", " ")
    assert done.returncode == 1, said + done.stderr
    failed = dict(FAILED.findall(said))
    expected = {
        "function_that_fails": "Failed: Nothing was checked: ",
        "nothing_was_saved": "Failed: Nothing was checked: There is no saved benchmark main. ",
        "other_arguments": "Failed: Nothing was checked: saved ran with the arguments `--epochs 3`",
        "no_revision": "Failed: Nothing was checked: --base-ref needs a git repository",
        "script_that_is_not_there": "Failed: Nothing was checked: ",
        "script_that_fails": "Failed: Nothing was checked: ",
        "odd_option": "Failed: Nothing was checked: throughput_check has no option fast.",
        "a_closure": "Failed: Nothing was checked: test_a_closure.<locals>.<lambda> can't be imported",
    }
    assert set(failed) == set(expected), said
    for name, words in expected.items():
        assert failed[name].startswith(words), failed[name]
    assert "could not convert string to float" in failed["script_that_fails"]
    assert "no data here" in failed["function_that_fails"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "benchmarks",
        "pyproject.toml",
        "tests",
        "training.py",
    ]
