"""Somebody's damaged or hostile run directory: a report or one sentence, never a traceback."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.golden.slim import RUNS, unpack
from throughput.collect.run_directory import RunDirectory
from throughput.errors import DamagedFile, ThroughputError
from throughput.flows.analyse import analyse
from throughput.model.report import Report
from throughput.render.json_report import report_to_json

NAME = "numpy-round"
FILES = sorted(
    str(p.relative_to(RUNS / NAME)).removesuffix(".packed") for p in (RUNS / NAME).rglob("*") if p.is_file()
)
RAW = [name for name in FILES if name != "run.json"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the golden run, unpacked once."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    unpack(RUNS / NAME, folder)
    return folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """Return a copy of the golden run for one test to damage."""
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def report(run: Path) -> Report | None:
    """Return the report, its JSON made too; None where the run was refused in one sentence."""
    try:
        found = analyse(RunDirectory(run)).report
    except ThroughputError as refused:
        error = refused
    else:
        error = None
    if error is not None:
        assert error.what.endswith(".")
        assert "\n" not in error.what
        return None
    json.loads(report_to_json(found))
    shares = [row.share for row in found.split if row.share is not None]
    assert not shares or sum(shares) == pytest.approx(1.0, abs=1e-6)
    return found


@pytest.mark.parametrize("name", RAW)
def test_a_file_that_is_missing(run: Path, name: str) -> None:
    (run / name).unlink()
    assert report(run) is not None


@pytest.mark.parametrize("name", RAW)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_file_that_was_cut_off(run: Path, name: str, share: float) -> None:
    data = (run / name).read_bytes()
    (run / name).write_bytes(data[: int(len(data) * share)])
    assert report(run) is not None


@pytest.mark.parametrize("name", RAW)
@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_changed(run: Path, name: str, seed: int) -> None:
    rng = random.Random(f"{name} {seed}")
    data = bytearray((run / name).read_bytes())
    for _ in range(max(1, len(data) // 500)):
        data[rng.randrange(len(data))] = rng.choice([0, 34, 45, 48, 57, 91, 123, 255, rng.randrange(256)])
    (run / name).write_bytes(bytes(data))
    report(run)


@pytest.mark.parametrize("name", [n for n in RAW if ".json" in n and not n.endswith(".gz")])
@pytest.mark.parametrize("instead", [None, [], {}, "x", -1, 2**63, 1.5, [[]], {"a": None}])
def test_values_of_another_type(run: Path, name: str, instead: Any) -> None:
    """Every value of a JSON file in turn becomes something else; a sample of them, for time's sake."""
    path = run / name
    lines = path.read_bytes().splitlines() if name.endswith(".jsonl") else [path.read_bytes()]
    rng = random.Random(f"{name} {instead}")
    for _ in range(4):
        number = rng.randrange(len(lines))
        document = json.loads(lines[number])
        _replace_somewhere(document, instead, rng)
        changed = [*lines[:number], json.dumps(document).encode(), *lines[number + 1 :]]
        path.write_bytes(b"\n".join(changed))
        report(run)


def _replace_somewhere(document: Any, instead: Any, rng: random.Random) -> None:
    inner = list(document.keys()) if isinstance(document, dict) else list(range(len(document)))
    if not inner:
        return
    key = rng.choice(inner)
    if isinstance(document[key], (dict, list)) and document[key] and rng.random() < 0.8:
        _replace_somewhere(document[key], instead, rng)
    else:
        document[key] = instead


@pytest.mark.parametrize("instead", [None, [], {}, "x", -1, 2**63, 1.5])
def test_run_json_with_values_of_another_type(run: Path, instead: Any) -> None:
    text = (run / "run.json").read_text()
    for key in json.loads(text):
        document = {**json.loads(text), key: instead}
        (run / "run.json").write_text(json.dumps(document))
        report(run)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"schema": "1"}', b'{"schema": 1}']
)
def test_a_run_json_that_is_none(run: Path, data: bytes) -> None:
    (run / "run.json").write_bytes(data)
    with pytest.raises(DamagedFile):
        analyse(RunDirectory(run))


def test_a_run_of_a_newer_schema_is_refused(run: Path) -> None:
    document = {**json.loads((run / "run.json").read_bytes()), "schema": 99}
    (run / "run.json").write_text(json.dumps(document))
    with pytest.raises(DamagedFile, match="newer") as caught:
        analyse(RunDirectory(run))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", RAW)
def test_links_are_not_followed(run: Path, tmp_path: Path, name: str) -> None:
    shutil.move(run / name, tmp_path / "elsewhere")
    (run / name).symlink_to(tmp_path / "elsewhere")
    assert report(run) is not None


def test_a_rank_that_is_a_link_is_none(run: Path, tmp_path: Path) -> None:
    shutil.move(run / "raw" / "rank-0000", tmp_path / "elsewhere")
    (run / "raw" / "rank-0000").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    found = report(run)
    assert found is not None
    assert found.hotspots == ()


def test_folders_with_names_of_files(run: Path) -> None:
    for name in RAW[:8]:
        (run / name).unlink()
        (run / name).mkdir()
    assert report(run) is not None


def test_hostile_names_in_a_rank(run: Path) -> None:
    folder = run / "raw" / "rank-0000"
    for name in (
        "events-99999999999999999999.i64",
        "events-1 2.i64",
        "notes-x.jsonl",
        "calls-<b>.json",
        "a\nb",
    ):
        (folder / name).write_bytes(b"\x01" * 640)
    report(run)
