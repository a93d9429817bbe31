"""`throughput report RUN --against RUN2 or NAME`, from the command line's words to its exit code."""

from __future__ import annotations

import gzip
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden.slim import RUNS, unpack
from tests.unit.compare import samples as s
from tests.unit.render import builders as b
from throughput.cli import main
from throughput.collect.run_directory import RunDirectory
from throughput.errors import DamagedFile
from throughput.flows.against import against_baseline, saved_analysis
from throughput.flows.project import Project, project_of
from throughput.flows.render import render_format
from throughput.flows.save import save
from throughput.flows.saved import Content, read_benchmark, saved_stacks, write_benchmark
from throughput.flows.saved_report import report_of, step_ns
from throughput.model.category import Category, State
from throughput.model.report import Analysis, Report
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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return the project in whose folder we are, with a benchmark "main" whose steps take 80 ms."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    monkeypatch.chdir(tmp_path)
    made = project_of(tmp_path)
    equal = {**s.EQUAL, "batch_size": 255.5}
    times = (79.0, 80.0, 81.0)
    processes = tuple(s.process(ms, data_loading=20.0) for ms in times)
    write_benchmark(
        made, Content(benchmark=replace(s.benchmark("main"), processes=processes, must_equal=equal))
    )
    return made


def test_a_saved_benchmark_is_shown_beside(
    run: Path, project: Project, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert typed(monkeypatch, "report", run, "--against", "main") == 0
    shown = " ".join(capsysbinary.readouterr().out.decode().replace("\u00a0", " ").split())
    assert "A step takes 100 % longer than in the baseline (160 ms, was 80 ms)" in shown
    assert "Baseline: main" in shown
    for name, words in (("html", b"Changes since main"), ("md", b"## Changes since main")):
        assert typed(monkeypatch, "report", run, "--against", "main", "--format", name, "--out", "-") == 0
        text = capsysbinary.readouterr().out
        assert words in text
        assert "of the saved benchmark's 3\u00a0processes" in text.decode().replace("&#39;", "'")


def test_a_benchmark_that_is_not_there_or_damaged_is_refused(
    run: Path, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "report", run, "--against", "absent") == 6
    assert "no saved benchmark absent" in capsys.readouterr().err
    (project.saved / "main.json").write_bytes(b"{")
    assert typed(monkeypatch, "report", run, "--against", "main") == 4
    other = replace(s.benchmark("other"), must_equal={**s.EQUAL, "batch_size": 255.5, "device": "A GPU"})
    write_benchmark(project, Content(benchmark=other))
    assert typed(monkeypatch, "report", run, "--against", "other") == 6
    assert "device CPU here, A GPU in the baseline" in capsys.readouterr().err


def test_its_report_has_its_intervals_and_says_what_it_does_not_know() -> None:
    several = report_of(s.benchmark("main", 9.0, 10.0, 11.0))
    assert several.throughput is not None
    times = several.throughput.step_ns
    assert (times.mean, times.high - times.mean) == (10e6, pytest.approx(4.303 * 1e6 / 3**0.5, rel=1e-3))
    states = {row.category: row.state for row in several.split}
    assert states[Category.DATA_LOADING] is State.MEASURED
    assert states[Category.HOST_TO_DEVICE] is State.NOT_APPLICABLE
    assert states[Category.LOCK_CONTENTION] is State.NOT_MEASURED
    alone = report_of(s.benchmark("main", 10.0))
    assert alone.throughput is not None
    assert alone.throughput.step_ns.high == alone.throughput.step_ns.mean  # no blocks: nothing is known
    blocks = replace(s.process(10.0), blocks_ns=(9_000_000, 11_000_000), starved_ns=2_000_000)
    starved = report_of(replace(s.benchmark("main"), processes=(blocks,)))
    assert starved.throughput is not None
    assert starved.throughput.step_ns.mean == 12e6
    assert starved.throughput.step_ns.high > 12e6
    (waits,) = [row for row in starved.split if row.category is Category.CPU_STARVED]
    assert waits.ns_per_step == 2e6
    assert len(report_of(s.benchmark("main", must_equal={"world_size": 4})).ranks) == 4


@pytest.fixture
def recorded(tmp_path: Path, project: Project) -> tuple[Project, Analysis]:
    """Return a project with a recorded run saved as "main", and the run itself."""
    unpack(RUNS / "numpy-round", tmp_path / "recorded")
    save([tmp_path / "recorded"], "main", project)
    return project, saved_analysis(tmp_path / "recorded")


def test_saved_stacks_give_the_differential_flame_graph(recorded: tuple[Project, Analysis]) -> None:
    project, analysis = recorded
    against = against_baseline(analysis, "main")
    assert against is not None
    assert against.flames is not None
    now = {tab.tab: tab for tab in analysis.facts[0].attribution.flames.tabs}
    then = {tab.tab: tab for tab in against.flames.tabs}
    assert set(then) == {"training", "blame", "workers"}
    step = step_ns(read_benchmark(project, "main"))
    for name in ("training", "blame"):
        assert then[name].ns.sum() == pytest.approx(step, rel=1e-6)
        # The same run: what was saved is what is there, but for thin stacks.
        assert then[name].ns.sum() == pytest.approx(now[name].ns.sum() / now[name].steps, rel=0.02)
    own = {frame.function for frame in against.flames.stacks.frames if frame.own}
    assert "snap_to_resolution" in {name.rpartition(".")[2] for name in own}
    page = render_format(analysis, "html", against)[0].decode()
    assert "Changes since main" in page


def test_stacks_of_another_save_are_not_used_and_damaged_ones_are_named(
    recorded: tuple[Project, Analysis],
) -> None:
    project, analysis = recorded
    file = project.saved / "main.stacks.gz"
    whole = file.read_bytes()
    file.write_bytes(gzip.compress(b"training;compute;main (a.py:1) 5"))
    found = against_baseline(analysis, "main")
    assert found is not None
    assert found.flames is None
    file.unlink()
    assert saved_stacks(project, read_benchmark(project, "main")) is None
    torn = whole[: len(whole) // 2]
    benchmark = replace(read_benchmark(project, "main"), stacks_sha256=hashlib.sha256(torn).hexdigest())
    write_benchmark(project, Content(benchmark=benchmark, stacks=torn))
    with pytest.raises(DamagedFile, match="saved stacks are damaged"):
        against_baseline(analysis, "main")
