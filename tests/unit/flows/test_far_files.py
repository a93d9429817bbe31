"""Traces behind URLs: in the memory of this process, and on this disk as fsspec sees it."""

from __future__ import annotations

import builtins
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.flows.trace_scenes import training, written
from throughput.errors import UsageError
from throughput.flows.far_files import is_far
from throughput.flows.trace_engines import Engine
from throughput.flows.trace_files import chosen, trace_files
from throughput.flows.trace_reading import read_ranks
from throughput.flows.trace_run import analyze

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    """A folder of two ranks in memory, with what else lies in such folders."""
    memory = fsspec.filesystem("memory")
    for rank in range(2):
        path = written(tmp_path / f"rank{rank}.json.gz", training(3), distributedInfo={"rank": rank})
        memory.pipe(f"/bucket/job/rank{rank}.json.gz", path.read_bytes())
    memory.pipe("/bucket/job/run.json", b"{}")
    memory.pipe("/bucket/job/old/rank7.json", b"{}")
    memory.pipe("/bucket/empty/notes.txt", b"")
    yield "memory://bucket/job"
    memory.rm("/bucket", recursive=True)


def test_a_folder_far_away_is_analysed(bucket: str, tmp_path: Path) -> None:
    done = analyze([bucket], str(tmp_path / "run"), lambda _text: None, Engine(processes=2))
    found = json.loads((tmp_path / "run" / "raw" / "traces.json").read_text())["traces"]
    assert [row["path"] for row in found] == [f"{bucket}/rank{n}.json.gz" for n in range(2)]
    data = fsspec.filesystem("memory").cat("/bucket/job/rank1.json.gz")
    assert found[1]["sha256"] == hashlib.sha256(data).hexdigest()
    assert found[1]["bytes"] == len(data)
    assert [row.rank for row in done.analysis.report.ranks] == [0, 1]


def test_files_patterns_and_folders_are_named(bucket: str) -> None:
    both = tuple(f"{bucket}/rank{n}.json.gz" for n in range(2))
    assert trace_files([bucket]) == trace_files([f"{bucket}/"]) == both
    assert trace_files([f"{bucket}/rank1.json.gz"]) == both[1:]
    assert tuple(name.replace(":///", "://") for name in trace_files([f"{bucket}/rank*"])) == both
    for nothing in (f"{bucket}/none.json", "memory://bucket/empty", f"{bucket}/none*"):
        with pytest.raises(UsageError):
            trace_files([nothing])


def test_processes_read_urls_too(tmp_path: Path) -> None:
    for rank in range(2):
        written(tmp_path / f"rank{rank}.json", training(3))
    sources = trace_files([tmp_path.as_uri()])
    assert all(is_far(source) for source in sources)
    near, _ = read_ranks(sorted(tmp_path.iterdir()), lambda _text: None)
    far, _ = read_ranks(sources, lambda _text: None, Engine(processes=2))
    assert [one.sha256 for one in far] == [one.sha256 for one in near]
    assert [one.attribution.split for one in far] == [one.attribution.split for one in near]


def test_a_missing_package_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def load(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "fsspec":
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **more)

    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UsageError, match="s3fs") as refused:
        trace_files(["s3://bucket/job"])
    assert "pip install" in refused.value.hint
    monkeypatch.setattr(builtins, "__import__", load)
    with pytest.raises(UsageError, match="s3:// needs fsspec"):
        trace_files(["s3://bucket/job"])


def test_an_unknown_kind_of_url_is_told_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="nowhere") as refused:
        trace_files(["nowhere://bucket/job"])
    assert refused.value.hint


def test_credentials_in_a_url_are_not_shown() -> None:
    with pytest.raises(UsageError) as refused:
        trace_files(["nowhere://user:swordfish@bucket/job"])
    assert "swordfish" not in str(refused.value)


def test_the_topmost_traces_of_a_folder_are_chosen() -> None:
    assert chosen(["b/rank10.json", "b/rank9.json", "b/c/rank1.json", "report.json"]) == [
        "b/rank9.json",
        "b/rank10.json",
    ]
    own = [
        "run.json",
        "report.json",
        "raw/rank-0001/torch-trace.json.gz",
        "raw/rank-0000/torch-trace.json.gz",
    ]
    assert chosen(own) == own[:1:-1]
