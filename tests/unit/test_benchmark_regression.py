"""The benchmark of the regression rule: other tools' rules, and whole checks replayed on a recording."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import regression, regression_rules
from benchmarks.regression_scripts import COMPONENTS, SCRIPTS
from tests.unit.compare import samples as s
from throughput.compare.rule import Pairs, Settings
from throughput.model.verdict import Outcome


def test_mann_whitney_is_exact_for_few_values() -> None:
    low, high = np.arange(5.0), np.arange(5.0) + 10
    assert regression_rules.mann_whitney(low, high) == pytest.approx(2 / 252)
    assert regression_rules.mann_whitney(high, low) == pytest.approx(2 / 252)
    assert regression_rules.mann_whitney(low, low + 0.5) == pytest.approx(0.6905, abs=1e-3)
    many = np.random.default_rng(0).normal(size=(2, 300))
    assert 0.01 < regression_rules.mann_whitney(many[0], many[1]) <= 1


def test_other_rules_call_what_they_call() -> None:
    random = np.random.default_rng(1)
    base = [random.normal(10, 0.1, 100) for _ in range(5)]
    slow = [one * 1.2 for one in base]
    for rule in regression_rules.OTHERS.values():
        assert rule(base, slow)
        assert not rule(base, base)


def test_a_replay_takes_one_value_at_a_time() -> None:
    logs = (0.1, 0.101, 0.099, 0.1, 0.1, 0.1, 0.1)
    looks = [Pairs(logs=logs[:n]) for n in range(1, len(logs) + 1)]
    for given, outcome, count in ((looks, Outcome.SLOWER, 5), (looks[:2], Outcome.UNSURE, 2)):
        decision, used = regression.replay(given, Settings())
        assert (decision.outcome, used) == (outcome, count)


def line(job: regression.Job, change: float, random: np.random.Generator) -> dict[str, object]:
    pair = s.pair(change + random.normal(0, 0.008))
    parts = {"data_loading": pair.parts["compute_and_host"], job.component: pair.parts["data_loading"]}
    return {"job": job.key, "seconds": 10.0, "pair": asdict(replace(pair, parts=parts))}


def run_line(job: regression.Job, random: np.random.Generator) -> dict[str, object]:
    times = random.normal(1e7, 1e5, 40) * random.normal(1.0, 0.002)
    sample = asdict(replace(s.process(10.0), mean_ns=round(times.mean())))
    return {"job": job.key, "steps_ns": list(times), "sample": sample}


def test_a_recording_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    rows: list[dict[str, object]] = []
    for job in regression.jobs():
        if job.kind == "pair":
            rows += [line(job, job.size, random) for _ in range(20)]
    for script in SCRIPTS:
        job = regression.Job(script=script, component="", size=0.0, kind="run")
        rows += [run_line(job, random) for _ in range(26)]
    rows.append({"job": "pair loader data_loading 0", "failed": "The script ended early."})
    text = "\n".join(json.dumps(row) for row in rows) + '\n{"job": "cut'
    (tmp_path / "recorded.jsonl").write_text(text, encoding="utf-8")
    monkeypatch.setattr(regression, "CHECKS", 100)
    regression.judge(tmp_path, tmp_path / "regression.json")
    found = json.loads((tmp_path / "regression.json").read_text(encoding="utf-8"))
    same = found["lockstep"]["pair loader data_loading 0"]
    assert same["independent_pairs"] == 20
    assert same["ends"].get("slower", 0) <= 0.01
    five = found["lockstep"]["pair loader data_loading 0.05"]
    assert five["ends"]["slower"] >= 0.9
    assert five["blamed_right"] >= 0.9
    assert five["mean_seconds"] == pytest.approx(10 * five["mean_pairs"], abs=0.1)
    low, high = five["slower_interval"]
    assert low < five["ends"]["slower"] <= high <= 1
    assert found["stored"]["run loader  0"]["+0%"].get("slower", 0) <= 0.01
    beside = found["interleaved"]["run loader  0"]
    assert beside["independent_pairs"] == 13
    assert beside["+0%"].get("slower", 0) <= 0.01
    assert beside["+10%"].get("slower", 0) >= 0.9
    assert 0 < beside["median_sees"] < 0.1
    assert found["recorded"]["pair lock data_loading 0.02"] == [20, regression.PAIRS]
    assert set(found["other rules"]["run lock  0"]) == set(regression_rules.OTHERS)


def test_a_short_recording_is_judged_as_far_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    job = next(job for job in regression.jobs() if job.kind == "pair" and job.size == 0.05)
    rows = [line(job, job.size, random) for _ in range(9)]  # fewer than a check may take
    (tmp_path / "recorded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(regression, "CHECKS", 50)
    regression.judge(tmp_path, tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found["lockstep"]) == {job.key}
    assert found["lockstep"][job.key]["mean_pairs"] <= 9
    assert found["stored"] == {}


def test_a_recording_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def recorded(job: regression.Job, _folder: Path) -> dict[str, object]:
        calls.append(job.key)
        if job.script == "lock":
            return {"job": job.key, "failed": "The script never stepped."}
        if len(calls) == 20:
            raise KeyboardInterrupt
        return {"job": job.key}

    monkeypatch.setattr(regression, "_recorded", recorded)
    monkeypatch.setattr(regression, "PAIRS", 2)
    monkeypatch.setattr(regression, "RUNS", 4)
    file = tmp_path / "recorded.jsonl"
    with pytest.raises(KeyboardInterrupt):
        regression.record(tmp_path, 60)
    with file.open("a") as opened:
        opened.write('{"job": "cut')  # as a full disk leaves it
    regression.record(tmp_path, 60)
    done: dict[str, int] = {}
    for row in regression.recorded(file):
        done[row["job"]] = done.get(row["job"], 0) + ("failed" not in row)
    wanted = {job.key: job.wanted for job in regression.jobs() if job.script != "lock"}
    assert {key: number for key, number in done.items() if number} == wanted
    tried = len(calls)
    regression.record(tmp_path, 60)
    # Only what doesn't run here is tried again, and given up soon.
    assert len(calls) - tried <= regression.FAILURES * len(wanted)
    assert {key.split()[1] for key in calls[tried:]} == {"lock"}


def test_twins_of_plain_runs_stand_side_by_side() -> None:
    runs = [job.script for job in regression.jobs() if job.kind == "run"]
    assert runs[::2] == runs[1::2] == list(SCRIPTS)


def test_each_script_is_python_and_has_its_components() -> None:
    for name, text in SCRIPTS.items():
        compile(text, name, "exec")
        assert all(component in text for component in COMPONENTS[name])
