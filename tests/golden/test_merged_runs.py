"""Runs of one training on several machines, gathered: the same figures as each alone, whoever died."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.slim import RUNS, unpack
from throughput.collect.run_directory import RunDirectory
from throughput.errors import UsageError
from throughput.flows.analyse import analyse
from throughput.flows.gather import gather
from throughput.flows.nodes import nodes_of
from throughput.model.report import Report

ROOT = Path(__file__).parents[2]


def machine(folder: Path, host: str, rank: int, name: str = "numpy-round") -> Path:
    """Return a run directory as a machine with one rank leaves it."""
    unpack(RUNS / name, folder)
    run = json.loads((folder / "run.json").read_text())
    run["environment"]["hostname"] = host
    for key in ("stacks_began_ns", "stacks_ended_ns"):
        run["clock"][key] = {f"rank-{rank:04d}": ns for ns in (run["clock"].get(key) or {}).values()}
    (folder / "run.json").write_text(json.dumps(run))
    if rank:
        (folder / "raw" / "rank-0000").rename(folder / "raw" / f"rank-{rank:04d}")
    return folder


@pytest.fixture
def machines(tmp_path: Path) -> list[str]:
    """Two machines with one rank each, the second named first."""
    return [str(machine(tmp_path / "b", "b.cluster", 1)), str(machine(tmp_path / "a", "a.cluster", 0))]


def shares(report: Report) -> dict[str, float]:
    return {row.category.value: row.share for row in report.split if row.share is not None}


def test_ranks_of_two_machines_are_one_run(machines: list[str], tmp_path: Path) -> None:
    alone = analyse(RunDirectory(tmp_path / "a")).report
    done = gather(machines, str(tmp_path / "both"))
    report = done.analysis.report
    assert [row.rank for row in report.ranks] == [0, 1]
    assert shares(report) == pytest.approx(shares(alone))
    assert report.hotspots[0].name == "numpy.round"
    assert report.hotspots[0].ranks == (0, 1)
    assert any("2 ranks of 2 machines" in note.replace("\u00a0", " ") for note in report.notes)
    nodes = nodes_of(RunDirectory(tmp_path / "both"), done.run)
    assert [node.raw.name for node in nodes] == ["node-a.cluster", "node-b.cluster"]
    assert [[rank.name for rank in node.ranks] for node in nodes] == [["rank-0000"], ["rank-0001"]]
    assert all((node.raw / "counters.jsonl").is_file() for node in nodes)
    # The gathered run is whole without the runs that it was made of.
    for name in machines:
        shutil.rmtree(name)
    assert analyse(RunDirectory(tmp_path / "both")).report == report


@pytest.mark.parametrize("died", [0, 1])
@pytest.mark.parametrize("left", [0.0, 0.02])
def test_a_rank_that_died_leaves_the_others_alone(
    machines: list[str], tmp_path: Path, died: int, left: float
) -> None:
    alone = shares(analyse(RunDirectory(tmp_path / "ab"[died ^ 1])).report)
    for path in (tmp_path / "ab"[died] / "raw" / f"rank-{died:04d}").iterdir():
        if path.name.startswith("events"):
            path.write_bytes(path.read_bytes()[: int(path.stat().st_size * left) // 32 * 32])
        elif not path.name.startswith("notes"):
            path.unlink()
    report = gather(machines, str(tmp_path / "both")).analysis.report
    assert [row.rank for row in report.ranks] == [died ^ 1]
    assert shares(report) == pytest.approx(alone)
    assert any(f"rank {died}" in note and "Left out" in note for note in report.notes)


def test_what_does_not_belong_together_is_refused(machines: list[str], tmp_path: Path) -> None:
    other = machine(tmp_path / "c", "c.cluster", 1, "thread-lock")
    with pytest.raises(UsageError, match="Rank 1 is in both"):
        gather([*machines, str(other)], str(tmp_path / "all"))
    with pytest.raises(UsageError, match="no run directory"):
        gather([str(tmp_path)], str(tmp_path / "all"))
    gather(machines, str(tmp_path / "both"))
    with pytest.raises(UsageError, match="gathered already"):
        gather([str(tmp_path / "both")], str(tmp_path / "again"))


def test_links_are_not_followed(machines: list[str], tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("swordfish")
    (tmp_path / "a" / "raw" / "rank-0000" / "calls-1-1.json").symlink_to(secret)
    (tmp_path / "a" / "raw" / "link").symlink_to(secret)
    gather(machines, str(tmp_path / "both"))
    copied = [path for path in (tmp_path / "both" / "raw").rglob("*") if path.is_file()]
    assert copied
    assert not [path for path in copied if b"swordfish" in path.read_bytes()]


def test_merge_and_report_on_the_command_line(machines: list[str], tmp_path: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "throughput", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    done = call("merge", *machines, "--out", "both")
    assert done.returncode == 0, done.stderr
    assert "Data loading" in done.stdout
    assert {path.name for path in (tmp_path / "both").iterdir()} >= {"run.json", "report.json", "report.html"}
    again = call("report", "both")
    assert again.returncode == 0, again.stderr
    assert "numpy.round" in again.stdout
    assert call("merge", "nowhere").returncode == 2
