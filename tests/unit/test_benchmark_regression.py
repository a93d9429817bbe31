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
    assert regression.replay(looks, Settings()) == (Outcome.SLOWER, 5)
    assert regression.replay(looks[:2], Settings()) == (Outcome.UNSURE, 2)


def line(job: regression.Job, change: float, random: np.random.Generator) -> dict[str, object]:
    pair = s.pair(change + random.normal(0, 0.008))
    parts = {"data_loading": pair.parts["compute_and_host"], job.component: pair.parts["data_loading"]}
    return {"job": job.key, "pair": asdict(replace(pair, parts=parts))}


def test_a_recording_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    rows: list[dict[str, object]] = []
    for job in regression.jobs():
        if job.kind == "pair":
            rows += [line(job, job.size, random) for _ in range(20)]
    for script in SCRIPTS:
        job = regression.Job(script=script, component="", size=0.0, kind="run")
        rows += [{"job": job.key, "steps_ns": list(random.normal(1e7, 1e5, 40))} for _ in range(25)]
    rows.append({"job": "pair loader data_loading 0", "failed": "The script ended early."})
    text = "\n".join(json.dumps(row) for row in rows) + '\n{"job": "cut'
    (tmp_path / "recorded.jsonl").write_text(text, encoding="utf-8")
    monkeypatch.setattr(regression, "RESULTS", tmp_path / "regression.json")
    monkeypatch.setattr(regression, "CHECKS", 100)
    regression.judge(tmp_path)
    found = json.loads((tmp_path / "regression.json").read_text(encoding="utf-8"))
    same = found["lockstep"]["pair loader data_loading 0"]
    assert same["independent_pairs"] == 20
    assert same["ends"].get("slower", 0) <= 0.01
    five = found["lockstep"]["pair loader data_loading 0.05"]
    assert five["ends"]["slower"] >= 0.9
    assert five["blamed_right"] >= 0.9
    low, high = five["slower_interval"]
    assert low < five["ends"]["slower"] <= high <= 1
    assert found["stored"]["run loader  0"]["+0%"].get("slower", 0) <= 0.01
    assert set(found["other rules"]["run lock  0"]) == set(regression_rules.OTHERS)


def test_each_script_is_python_and_has_its_components() -> None:
    for name, text in SCRIPTS.items():
        compile(text, name, "exec")
        assert all(component in text for component in COMPONENTS[name])
