"""`throughput report RUN --against RUN2`, from the command line's words to its exit code."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.render import builders as b
from throughput.cli import main
from throughput.collect.run_directory import RunDirectory
from throughput.model.report import Report
from throughput.model.run import Run, Window
from throughput.render.json_report import report_to_json


def saved(folder: Path, report: Report) -> Path:
    """Write a run without raw files, as a sample keeps it."""
    folder.mkdir()
    RunDirectory(folder).write_run(
        Run(
            run_id=folder.name,
            tool_version="0.1.0",
            command=("train.py",),
            script="train.py",
            script_dir=".",
            cwd=".",
            started_at="2026-11-21T19:05:00+00:00",
            window=Window(asked=200),
        )
    )
    (folder / "report.json").write_bytes(report_to_json(report))
    return folder


def longer(factor: float) -> Report:
    """Return a run whose steps take `factor` times as long, at the same batch size."""
    made = b.report(run=b.run(run_id="the-other"))
    assert made.throughput is not None
    times = made.throughput.step_ns
    scaled = replace(times, mean=times.mean * factor, low=times.low * factor, high=times.high * factor)
    speed = replace(
        made.throughput,
        steps_per_s=made.throughput.steps_per_s / factor,
        samples_per_s=(made.throughput.samples_per_s or 0.0) / factor,
        step_ns=scaled,
    )
    return replace(made, throughput=speed)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return saved(tmp_path / "run", b.report())


def typed(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["throughput", *map(str, words)])
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.mark.parametrize("as_file", [False, True])
def test_a_run_or_its_report_is_shown_beside(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    as_file: bool,
) -> None:
    other = saved(tmp_path / "other", longer(0.5))
    assert typed(monkeypatch, "report", run, "--against", other / "report.json" if as_file else other) == 0
    shown = " ".join(capsys.readouterr().out.replace("\u00a0", " ").split())
    assert "A step takes 100 % longer than in the baseline (160 ms, was 80 ms)" in shown
    assert "Baseline: the-other" in shown


def test_formats(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    other = saved(tmp_path / "other", longer(0.5))
    texts = {}
    for name in ("html", "md", "json"):
        assert typed(monkeypatch, "report", run, "--against", other, "--format", name, "--out", "-") == 0
        texts[name] = capsysbinary.readouterr().out
    assert b"Changes since the-other" in texts["html"]
    assert b"## Changes since the-other" in texts["md"]
    assert texts["json"] == (run / "report.json").read_bytes()


def test_another_batch_size_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = saved(tmp_path / "other", b.report(throughput=b.speed(2 * 1597.0)))
    assert typed(monkeypatch, "report", run, "--against", other) == 6
    said = capsys.readouterr()
    assert "can't be compared: 255.5 samples a step here, 511 in the baseline." in said.err
    assert not said.out


def test_no_run_to_compare_with(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "report", run, "--against", tmp_path / "absent") == 2
    assert "is no run directory" in capsys.readouterr().err
    (tmp_path / "torn.json").write_bytes(b'{"schema": 1, "headl')
    assert typed(monkeypatch, "report", run, "--against", tmp_path / "torn.json") == 4
