"""Ranges that a script has are rows whose times are those of its own stopwatch, and sum to the step."""

from __future__ import annotations

import json
from bisect import bisect_left
from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, assert_done, profile
from throughput.collect.run_directory import RunDirectory
from throughput.flows.analyse import read_timelines

SCRIPT = (
    PRELUDE
    + """
import json, sys, time
import throughput
from torch.profiler import record_function
spent, began, steps = {}, {}, []
def tick(name):
    began[name] = time.perf_counter()
def tock(name):
    spent[name] = spent.get(name, 0.0) + time.perf_counter() - began[name]
def slow_reward(values):
    until = time.perf_counter() + 0.004
    while time.perf_counter() < until:
        sum(range(50))
    return float(values.sum())
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
x = torch.randn(64, 16)
try:
    for n in range(2000):
        spent.clear()
        tick("step")
        with record_function("rollout"):
            tick("rollout")
            for _ in range(8):
                model(x)
            with throughput.region("reward"):
                tick("reward")
                slow_reward(x)
                tock("reward")
            tock("rollout")
        with record_function("update"):
            tick("update")
            optimizer.zero_grad()
            model(x).pow(2).mean().backward()
            tock("update")
        counted()
        optimizer.step()
        tock("step")
        steps.append({**spent, "ended": time.monotonic_ns()})
finally:
    open("steps.json", "w").write(json.dumps(steps))
"""
)


def clean_steps(out: Path, steps: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return what the stopwatch says of the clean steps alone: on a busy machine others take another time.

    It doesn't see the last step end: there the script is stopped.
    """
    directory = RunDirectory(out)
    timeline = read_timelines(directory, directory.read_run())[0]
    ends = [step["ended"] for step in steps]
    clean = [one.end_ns for one in timeline.steps if one.block.is_clean and one.end_ns <= ends[-1]]
    return [steps[bisect_left(ends, end)] for end in clean]


def test_regions_are_those_of_the_stopwatch(tmp_path: Path, root: Path) -> None:
    options = ("--collectors", "loader,stacks", "--steps", "80", "--warmup", "20")
    ran = profile(tmp_path, f"import sys\nsys.path.insert(0, {str(root)!r})\n{SCRIPT}", *options)
    assert_done(ran)
    clean = clean_steps(ran.out, json.loads((tmp_path / "steps.json").read_text()))
    whole = sum(step["step"] for step in clean)
    truth = {name: sum(step[name] for step in clean) / whole for name in ("reward", "rollout", "update")}
    rows = {row["name"]: row for row in ran.report["regions"]}
    assert rows["rollout / reward"]["share"] == pytest.approx(truth["reward"], abs=0.03)
    assert rows["rollout"]["share"] == pytest.approx(truth["rollout"] - truth["reward"], abs=0.03)
    assert rows["update"]["share"] == pytest.approx(truth["update"], abs=0.03)
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1.0, abs=1e-6)
    for row in rows.values():
        parts = sum(part["ns_per_step"] for part in row["parts"])
        assert parts == pytest.approx(row["ns_per_step"], rel=1e-6)
    reward = {part["category"]: part["ns_per_step"] for part in rows["rollout / reward"]["parts"]}
    assert reward.get("host_work", 0.0) > reward.get("compute", 0.0), reward
