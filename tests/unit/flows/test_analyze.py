"""`throughput analyze` as a user calls it: run directory, reports, exit codes, one sentence for no trace."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.flows.trace_scenes import host, launched, training, written


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "throughput", *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def share(found: dict[str, Any], category: str) -> float | None:
    (row,) = (row for row in found["split"] if row["category"] == category)
    value: float | None = row["share"]
    return value


def test_a_trace_gives_a_run_directory_that_refers_to_it(tmp_path: Path) -> None:
    trace = written(tmp_path / "trace.json.gz", training(6))
    done = call("analyze", "trace.json.gz", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "GPU" in done.stdout
    run = tmp_path / "run"
    raw = json.loads((run / "raw" / "traces.json").read_text())
    assert raw["traces"] == [
        {
            "path": "trace.json.gz",
            "bytes": trace.stat().st_size,
            "sha256": hashlib.sha256(trace.read_bytes()).hexdigest(),
            "rank": 0,
        }
    ]
    found = report(run)
    assert share(found, "compute") == pytest.approx(0.3)
    assert share(found, "data_loading") == pytest.approx(0.3)
    assert share(found, "lock_contention") is None
    assert sum(row["share"] or 0 for row in found["split"]) == pytest.approx(1)
    assert found["run"]["window"]["step_rule"] == "the profiler's own marks (ProfilerStep)"
    (device,) = found["devices"]
    assert device["busy_share"] == pytest.approx(0.63)
    assert sum(cause["share"] for cause in device["idle"]) == pytest.approx(device["idle_share"])
    assert any(f["rule"] == "device-waits-for-loader" for f in found["findings"])
    assert {path.name for path in run.iterdir()} >= {"run.json", "report.json", "report.md", "report.html"}
    again = call("report", "run", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "ata loading" in again.stdout


def test_a_folder_is_a_trace_a_rank(tmp_path: Path) -> None:
    ranks = tmp_path / "ranks"
    ranks.mkdir()
    for rank in range(4):
        late = 150 if rank == 2 else 0
        written(
            ranks / f"rank{rank}.json",
            training(5, late=late),
            distributedInfo={"rank": rank, "world_size": 4},
        )
    (ranks / "notes.json").write_text("{}")
    done = call("analyze", "ranks", "--out", "run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["stragglers"] == [2]
    imposed = [row["imposed_ns_per_step"] for row in found["ranks"]]
    assert imposed == pytest.approx([0, 0, 150_000, 0], abs=1_000)
    assert any(f["rule"] == "straggling-rank" and "Rank 2" in f["title"] for f in found["findings"])
    assert any("notes.json" in note and "left out" in note for note in found["notes"])


def test_steps_without_marks_are_found_and_the_rule_is_told(tmp_path: Path) -> None:
    events = [e for e in training(6) if not e["name"].startswith("ProfilerStep")]
    loader = call("analyze", str(written(tmp_path / "a.json", events)), "--out", "a", cwd=tmp_path)
    assert "enumerate(DataLoader)" in report(tmp_path / "a")["run"]["window"]["step_rule"], loader.stderr
    name = "Optimizer.step#SGD.step"
    events += [host("user_annotation", name, 1_000_900.0 + 1_000 * step, 50) for step in range(6)]
    call("analyze", str(written(tmp_path / "b.json", events)), "--out", "b", cwd=tmp_path)
    optimizer = report(tmp_path / "b")
    assert "Optimizer.step#SGD.step" in optimizer["run"]["window"]["step_rule"]
    assert optimizer["run"]["window"]["kept"] == 5
    call("analyze", str(written(tmp_path / "c.json", launched(1, 10, 20, 30))), "--out", "c", cwd=tmp_path)
    whole = report(tmp_path / "c")
    assert whole["run"]["window"]["step_rule"] == "the whole trace as one step"
    assert any("marks no steps" in note for note in whole["notes"])


def test_what_can_not_be_read_is_told_in_a_sentence(tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text("<!doctype html>")
    damaged = call("analyze", "page.json", cwd=tmp_path)
    assert damaged.returncode == 4
    assert damaged.stderr.startswith("throughput: page.json is no trace")
    assert "Traceback" not in damaged.stderr
    assert not (tmp_path / "reports").exists()
    assert call("analyze", "missing.json", cwd=tmp_path).returncode == 2
    (tmp_path / "empty").mkdir()
    assert call("analyze", "empty", cwd=tmp_path).returncode == 2
    assert call("analyze", cwd=tmp_path).returncode == 2
    trace = written(tmp_path / "trace.json", training(3))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    assert call("analyze", str(trace), "--out", "full", cwd=tmp_path).returncode == 2


def test_a_trace_of_a_cpu_is_split_too(tmp_path: Path) -> None:
    events = [
        e for e in training(6) if e["cat"] in ("cpu_op", "user_annotation")
    ]  # fmt: skip
    done = call("analyze", str(written(tmp_path / "cpu.json", events)), "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = report(tmp_path / "run")
    assert share(found, "compute") == pytest.approx(0.06)
    assert share(found, "host_to_device") is None
    assert found["devices"] == []
