"""The slow and fixed scripts under benchmarks/pairs: their truth files hold, and the scripts run."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PAIRS = Path(__file__).parents[2] / "benchmarks" / "pairs"
NAMES = sorted(path.parent.name for path in PAIRS.glob("*/truth.json"))
ALL_HAVE = {"name", "workers", "args", "steps", "notes"}
PLANT = {"category", "file", "line", "function", "hotspot"}
PAIR = {"slow", "fixed", "remains", *PLANT}


def truth_of(name: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((PAIRS / name / "truth.json").read_text(encoding="utf-8"))
    return truth


def scripts_of(name: str) -> list[Path]:
    truth = truth_of(name)
    return [(PAIRS / name / truth[key]).resolve() for key in ("slow", "fixed", "clean") if key in truth]


STORIES = ("numpy-round", "thread-lock", "data-moves")
SCRIPTS = [
    # A hundred scripts take a quarter of an hour: the gate runs the stories, a night the others.
    pytest.param(
        name,
        script,
        id=f"{name}-{script.stem}",
        marks=() if name in STORIES else (pytest.mark.nightly,),
    )
    for name in NAMES
    for script in scripts_of(name)
]


def planted(folder: Path) -> list[tuple[str, int]]:
    """Return every line that carries the mark, with its file."""
    return [
        (path.name, number)
        for path in sorted(folder.glob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"# PLANTED$", line)
    ]


def functions(path: Path) -> dict[str, range]:
    """Return each function's qualified name with its lines."""
    found: dict[str, range] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if isinstance(child, ast.FunctionDef):
                    found[name] = range(child.lineno, (child.end_lineno or 0) + 1)
                visit(child, f"{name}.")

    visit(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


def run(script: Path, *arguments: str, out: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "TRUTH_OUT"}
    if out is not None:
        environment["TRUTH_OUT"] = str(out)
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)


def test_the_three_stories_are_there() -> None:
    assert set(STORIES) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_truth_is_complete_and_points_at_the_planted_line(name: str) -> None:
    truth = truth_of(name)
    assert set(truth) >= ALL_HAVE | (set() if "clean" in truth else PAIR)
    assert truth["name"] == name
    assert set(truth["args"]) == {str(workers) for workers in truth["workers"]}
    folder = scripts_of(name)[0].parent
    plants = [] if "clean" in truth else [truth, *([truth["second"]] if "second" in truth else [])]
    assert planted(folder) == sorted((plant["file"], plant["line"]) for plant in plants)
    for plant in plants:
        assert set(plant) >= PLANT
        assert plant["line"] in functions(folder / plant["file"])[plant["function"]]


def ended_well(done: subprocess.CompletedProcess[str]) -> bool:
    """Return whether a script ended as all of them do: with its loss, and nothing on standard error."""
    last = (done.stdout.splitlines() or [""])[-1]
    return done.returncode == 0 and not done.stderr and bool(re.fullmatch(r"final loss -?\d+\.\d{4}", last))


@pytest.mark.parametrize("name", STORIES)
def test_script_runs_without_the_stopwatch(name: str) -> None:
    for script in scripts_of(name):
        done = run(script, "--steps", "5")
        assert ended_well(done), done.stderr


@pytest.mark.parametrize(("name", "script"), SCRIPTS)
@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="the stopwatch reads schedstat")
def test_stopwatch_shares_sum_to_the_step(name: str, script: Path, tmp_path: Path) -> None:
    truth, out = truth_of(name), tmp_path / "truth.json"
    workers = str(truth["workers"][-1])
    # Five steps more than the stopwatch leaves out.
    done = run(script, "--steps", "45", "--workers", workers, *truth["args"][workers], out=out)
    assert ended_well(done), done.stderr
    truth = json.loads(out.read_text(encoding="utf-8"))
    assert truth["steps"] == 5
    assert sum(truth["shares"].values()) == pytest.approx(1, abs=1e-6)
    # "wall - run-queue wait" may be a little below zero where the kernel accounts late.
    assert min(truth["shares"].values()) > -0.01


def test_start_methods_all_work() -> None:
    slow = scripts_of("numpy-round")[0]
    done = run(slow, "--steps", "5", "--workers", "1", "--start-method", "spawn")
    assert done.returncode == 0, done.stderr


def test_stopwatch_is_off_without_being_asked(tmp_path: Path) -> None:
    code = "from stopwatch import watch; watch.enter('x'); watch.step(); print(sorted(vars(watch)))"
    demo = scripts_of("numpy-round")[0].parent
    done = subprocess.run([sys.executable, "-c", code], cwd=demo, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['out']"
