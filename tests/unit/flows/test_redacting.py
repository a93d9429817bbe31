"""A redacted copy of a run: nothing that says whose it was, in any of its files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.golden.recordings import FOLDER
from throughput.errors import UsageError
from throughput.flows.redacting import ARGUMENTS, write_redacted

HOME = "/home/ann"  # literal path
NAME = "two-worker-and-checkpoint-1-slow"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    with zipfile.ZipFile(FOLDER / f"{NAME}.zip") as archive:
        archive.extractall(folder)
    document = json.loads((folder / "run.json").read_text("utf-8"))
    document["command"] = [f"{HOME}/venv/bin/python", "slow.py", "--token", "hunter2"]
    document["cwd"] = f"{HOME}/secret"
    document["environment"]["hostname"] = "ann-laptop"
    document["notes"] = [*document.get("notes", ()), f"can't read {HOME}/secret/data.bin on ann-laptop"]
    (folder / "run.json").write_text(json.dumps(document), "utf-8")
    return folder


def test_every_format_is_written_without_names_arguments_and_code(run: Path, tmp_path: Path) -> None:
    written = write_redacted(run, tmp_path / "shown")
    names = {path.name for path in written}
    assert {"run.json", "report.json", "report.md", "report.html", "speedscope.json"} <= names
    for path in written:
        if path.suffix == ".pstats":
            continue
        text = path.read_text("utf-8")
        for word in ("ann", "hunter2", "/home", "ann-laptop", "secret"):
            assert f"{word}-" not in text
            assert f"/{word}" not in text
            assert f'"{word}' not in text
        assert "hunter2" not in text
    report = json.loads((tmp_path / "shown" / "report.json").read_text("utf-8"))
    assert all(not spot["source"] for spot in report["hotspots"])
    assert report["hotspots"][0]["name"]
    assert report["run"]["command"][-1] == ARGUMENTS
    assert json.loads((tmp_path / "shown" / "run.json").read_text("utf-8"))["code"]["diff"] is None


def test_a_folder_that_holds_something_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="is not empty"):
        write_redacted(run, tmp_path / "full")
