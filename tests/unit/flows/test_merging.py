"""Several ranks as one report, speed from clean steps, defaults of a project, exit codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.errors import DamagedFile, UsageError
from throughput.flows.merge import mean_split, mean_throughput, merged_hotspots
from throughput.flows.profile import exit_code
from throughput.flows.raw_files import FolderFiles
from throughput.flows.settings import project_settings
from throughput.flows.speed import throughput_of
from throughput.model.attribution import Hotspot, SplitRow
from throughput.model.category import CATEGORIES, Block, Category, Source, State
from throughput.model.run import Run, Window
from throughput.model.timeline import Step, Timeline

MS = 1_000_000


def split(weights: list[int | None]) -> tuple[SplitRow, ...]:
    """Return a split in these proportions; None is not measured."""
    total = sum(w or 0 for w in weights)
    return tuple(
        SplitRow(
            category=category,
            share=None if weight is None else weight / total,
            low=None if weight is None else 0.0,
            high=None if weight is None else 1.0,
            ns_per_step=None if weight is None else float(weight),
            source=Source.NONE if weight is None else Source.TIMER,
            state=State.NOT_MEASURED if weight is None else State.MEASURED,
        )
        for category, weight in zip(CATEGORIES, weights, strict=True)
    )


WEIGHTS = st.lists(st.none() | st.integers(0, 1000), min_size=12, max_size=12).filter(
    lambda ws: any(w for w in ws)
)


@given(st.lists(WEIGHTS, min_size=1, max_size=4))
def test_the_mean_ranks_shares_sum_to_1(ranks: list[list[int | None]]) -> None:
    rows = mean_split([split(weights) for weights in ranks])
    assert tuple(row.category for row in rows) == CATEGORIES
    assert sum(row.share for row in rows if row.share is not None) == pytest.approx(1.0, abs=1e-6)
    for row, *column in zip(rows, *ranks, strict=True):
        assert (row.share is None) == all(weight is None for weight in column)


def test_no_ranks() -> None:
    assert mean_split([]) == ()
    assert mean_throughput([]) is None
    assert merged_hotspots([]) == ()


def spot(name: str, ns: float, rank: int = 0) -> Hotspot:
    return Hotspot(
        rank=1, name=name, file="train.py", line=1, function=name, caller=None, process="training process",
        thread="MainThread", ranks=(rank,), category=Category.COMPUTE, ns_per_step=ns, share=ns / 100,
        low=0.0, high=1.0, samples=10,
    )  # fmt: skip


def test_one_place_on_two_ranks_is_one_hotspot() -> None:
    found = merged_hotspots([(spot("a", 30.0), spot("b", 20.0)), (spot("b", 60.0, 1),)])
    assert [(h.rank, h.name, h.ranks, h.ns_per_step, h.samples) for h in found] == [
        (1, "b", (0, 1), 40.0, 20),
        (2, "a", (0,), 15.0, 10),
    ]


def timeline(*durations_ms: float, block: Block = Block.LIGHT, samples: int | None = 8) -> Timeline:
    steps, at = [], 0
    for number, ms in enumerate(durations_ms):
        end = at + round(ms * MS)
        steps.append(Step(index=number, start_ns=at, end_ns=end, block=block, samples=samples))
        at = end
    return Timeline(rank=0, steps=tuple(steps), tracks=())


def test_speed_of_the_clean_steps() -> None:
    found = throughput_of(timeline(*[10, 30] * 20))
    assert found is not None
    assert found.steps_per_s == pytest.approx(50)
    assert found.samples_per_s == pytest.approx(400)
    assert (found.step_ns.mean, found.step_ns.median) == (20 * MS, 20 * MS)
    assert found.step_ns.p95 == 30 * MS
    assert found.low <= 50 <= found.high
    assert found.step_ns.low <= 20 * MS <= found.step_ns.high


def test_heavy_steps_have_no_speed() -> None:
    assert throughput_of(timeline(10, 10, block=Block.CPROFILE)) is None
    assert throughput_of(timeline()) is None


def test_unknown_batch_sizes_give_no_samples() -> None:
    found = throughput_of(timeline(*[10] * 10, samples=None))
    assert found is not None
    assert found.samples_per_s is None


def test_the_mean_rank() -> None:
    found = mean_throughput([throughput_of(timeline(*[10] * 10)), throughput_of(timeline(*[10] * 10)), None])
    assert found is not None
    assert found.steps_per_s == pytest.approx(100)
    assert found.samples_per_s == pytest.approx(1600)


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        ("completed", 0),
        ("script_ended", 0),
        ("max_seconds", 0),
        ("interrupted", 130),
        ("crashed", 3),
        ("never_stepped", 3),
        ("stalled", 3),
    ],
)
def test_exit_codes(ended: str, code: int) -> None:
    run = Run(
        run_id="r", tool_version="0", command=(), script=None, script_dir=".", cwd=".", started_at="",
        window=Window(asked=1),
    )  # fmt: skip
    assert exit_code(replace(run, ended=ended)) == code


def test_a_projects_defaults(tmp_path: Path) -> None:
    inner = tmp_path / "pkg" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.throughput]\nsteps = 50\ncollectors = ["stacks"]\n')
    assert project_settings(inner) == {"steps": 50, "collectors": ["stacks"]}
    (inner.parent / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert project_settings(inner) == {}  # the nearest one holds


@pytest.mark.parametrize("text", ["", "tool = 3", "[tool]\nthroughput = 7", "[tool.other]\nx = 1"])
def test_a_project_without_defaults(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert project_settings(tmp_path) == {}


@pytest.mark.parametrize("data", [b"[tool", b"\xff\xfe"])
def test_a_pyproject_that_is_no_toml(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(data)
    with pytest.raises(UsageError, match=r"pyproject\.toml"):
        project_settings(tmp_path)


def test_only_regular_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    files = FolderFiles(tmp_path)
    assert files.names() == ("a", "b")
    with files.open("a") as file:
        assert file.read() == b"1"
    for name in ("link", "folder", "../" + tmp_path.name + "/a"):
        with pytest.raises(DamagedFile):
            files.open(name)
