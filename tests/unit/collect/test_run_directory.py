"""Run directories are made where they can be written; `run.json` comes back as it was, or is refused."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from throughput.collect import pyspy
from throughput.collect.options import COLLECTORS, ProfileOptions, check
from throughput.collect.pyspy import RATE_MAX_HZ, RATE_MIN_HZ, rate_for
from throughput.collect.run_directory import RunDirectory, decode_run, new_run_directory, write_whole
from throughput.errors import DamagedFile, UsageError
from throughput.model.run import RUN_SCHEMA, Code, CollectorStatus, Run, Window

STARTED = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.timezone.utc)
RUN = Run(
    run_id="r",
    tool_version="0.1",
    command=("python", "train.py"),
    script="train.py",
    script_dir="/project",
    cwd="/project",
    started_at="2026-03-04T05:06:07+00:00",
    options={"steps": 7},
    window=Window(asked=7, kept=5, step_rule="SGD.step"),
    collectors=(CollectorStatus(name="stacks", state="ok", overhead_ratio=1.01),),
    code=Code(commit="abc", modules_sha256={"a.py": "0"}),
    script_exit_code=3,
)


def test_a_run_comes_back(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.write_run(RUN)
    assert directory.read_run() == RUN
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_names_after_the_script_and_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [new_run_directory(None, "sub/my train.py", STARTED).path.name for _ in range(3)]
    assert names == [f"20260304-050607-my-train{end}" for end in ("", "-2", "-3")]
    assert (tmp_path / "reports" / names[0] / "raw").is_dir()


@pytest.mark.parametrize(("name", "stem"), [("...", "run"), ("ünï.py", "n"), ("pkg.train", "pkg.train")])
def test_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stem: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert new_run_directory(None, name, STARTED).path.name == f"20260304-050607-{stem}"


def test_places_that_cant_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "full"):
        with pytest.raises(UsageError):
            new_run_directory(str(out), "train.py", STARTED)
    assert (tmp_path / "full" / "x").read_text() == "x"


def test_no_run_here(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run directory"):
        RunDirectory(tmp_path).read_run()
    assert RunDirectory(tmp_path).ranks() == ()


def test_ranks_in_order_without_links(tmp_path: Path) -> None:
    for name in ("rank-0001", "rank-0000", "rank-12345", "rank-1", "other"):
        (tmp_path / "raw" / name).mkdir(parents=True)
    (tmp_path / "raw" / "rank-0002").symlink_to(tmp_path)
    (tmp_path / "raw" / "rank-0003").write_text("x")
    assert [p.name for p in RunDirectory(tmp_path).ranks()] == ["rank-0000", "rank-0001", "rank-12345"]


def test_a_newer_schema_is_refused_whatever_else_it_says() -> None:
    with pytest.raises(DamagedFile, match="newer"):
        decode_run(b'{"schema": %d, "future": true}' % (RUN_SCHEMA + 1), "run.json")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "x.json", b"1")
    write_whole(tmp_path / "x.json", b"22")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"x.json": b"22"}


OPTIONS = ProfileOptions(script="train.py")


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("")
    python = sys.executable
    assert replace(OPTIONS, arguments=("-x", "1")).command() == (python, "train.py", "-x", "1")
    assert replace(OPTIONS, script=None, module="pkg.train").command() == (python, "-m", "pkg.train")
    assert replace(OPTIONS, script=None, arguments=("sh", "-c", ":")).command() == ("sh", "-c", ":")
    assert replace(OPTIONS, python=python).command()[0] == python
    assert OPTIONS.script_dir == str(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, script="missing.py"),
        replace(OPTIONS, script=None),
        replace(OPTIONS, script=None, arguments=("no-such-command-here",)),
        replace(OPTIONS, script=None, module="m", python="no-such-python-here"),
    ],
)
def test_nothing_to_start(options: ProfileOptions) -> None:
    with pytest.raises(UsageError):
        options.command()


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, steps=0),
        replace(OPTIONS, warmup="soon"),
        replace(OPTIONS, warmup="-1"),
        replace(OPTIONS, collectors=("stacks", "magic")),
        replace(OPTIONS, stacks="gdb"),
    ],
)
def test_what_cant_be_measured_is_refused(options: ProfileOptions) -> None:
    with pytest.raises(UsageError):
        check(options)


def test_what_the_training_process_has_to_know() -> None:
    check(replace(OPTIONS, warmup="10"))
    told = replace(OPTIONS, warmup="10", collectors=("light", "loader"), steps=9).in_process()
    assert (told["steps"], told["warmup"], told["stacks"]) == (9, 10, "off")
    assert OPTIONS.in_process()["collectors"] == list(COLLECTORS)


def test_where_cpus_are_few_all_processes_share_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyspy, "usable_cpus", lambda: 2)
    second = 1_000_000_000
    assert rate_for(4 * second, 1) == pyspy.RATE_CROWDED_HZ
    assert rate_for(4 * second, 9) == pyspy.CROWDED_SAMPLES_HZ // 9
    monkeypatch.setattr(pyspy, "usable_cpus", lambda: 16)
    assert rate_for(4 * second, 9) > pyspy.CROWDED_SAMPLES_HZ // 9


def test_the_rate_follows_the_window() -> None:
    second = 1_000_000_000
    assert rate_for(second // 100, 1) == RATE_MAX_HZ
    assert rate_for(3_600 * second, 1) == RATE_MIN_HZ
    rates = [rate_for(10 * second, processes) for processes in (1, 4, 16, 64)]
    assert rates == sorted(rates, reverse=True)
    assert all(RATE_MIN_HZ <= rate <= RATE_MAX_HZ for rate in rates)
