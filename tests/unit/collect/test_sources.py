"""The source that stacks point to, stored with a run and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from throughput.collect.sources import STORED_BYTES_MAX, _functions, store_sources
from throughput.flows.sources import read_sources

SOURCE = """\
import numpy as np

class Recordings:
    size = 3

    def __getitem__(self, index):
        def inner(x):
            return x + 1

        value = inner(index)
        if value:
            value = np.round(
                value,
            )
        return value

    async def fetch(self): return 1

def main():
    rows = [
        r for r in Recordings()
    ]

    print(rows)

main()
"""
LINES = SOURCE.split("\n")


@pytest.mark.parametrize("parsed", [True, False])
def test_the_function_that_holds_a_line(parsed: bool) -> None:
    found = _functions(SOURCE, LINES, set(range(-1, len(LINES) + 3)), parsed)
    item, inner = ["Recordings.__getitem__", 6], ["Recordings.__getitem__.inner", 7]
    assert found["4"] == ["Recordings", 3]
    assert [found[str(n)] for n in (6, 8, 10, 12, 13, 14, 15)] == [item, inner, item, item, item, item, item]
    assert found["17"] == ["Recordings.fetch", 17]
    assert [found[str(n)] for n in (19, 21, 22, 24)] == [["main", 19]] * 4
    assert not found.keys() & {"-1", "0", "1", "26", "27", "28"}


@pytest.mark.parametrize("parsed", [True, False])
def test_text_in_long_quotes_may_stand_anywhere(parsed: bool) -> None:
    text = 'class Conv:\n    """Convolve\nanything.\n\ndef this is text\n    """\n\n'
    text += "    def forward(self):\n        return 1\n"
    assert _functions(text, text.split("\n"), {9}, parsed) == {"9": ["Conv.forward", 8]}


def test_source_that_is_no_python_is_read_by_indentation() -> None:
    text = "def f():\n    x = 1\n    print 'old'\n"
    assert _functions(text, text.split("\n"), {2}, own=True) == {"2": ["f", 1]}


def run(tmp_path: Path, *frames: tuple[str, int]) -> Path:
    """Return the raw folder of a run whose py-spy saw these places."""
    rank = tmp_path / "raw" / "rank-0000"
    rank.mkdir(parents=True)
    events = [
        {"args": {"filename": file, "line": line}, "name": "f", "ph": "B", "pid": 1, "tid": 1, "ts": n}
        for n, (file, line) in enumerate(frames)
    ]
    (rank / "stacks.json").write_text(json.dumps(events, separators=(",", ":")))
    return tmp_path / "raw"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "data.py").write_text(SOURCE)
    return folder


def test_own_files_are_stored_whole(tmp_path: Path, project: Path) -> None:
    raw = run(tmp_path, (str(project / "data.py"), 12), (str(project / "missing.py"), 3), ("<string>", 1))
    store_sources(raw, str(project))
    sources, qualified = read_sources(raw, str(project))
    assert list(sources) == ["data.py"]
    assert [sources["data.py"][n] for n in range(1, len(LINES) + 1)] == LINES
    assert qualified == {(str(project / "data.py"), 12): ("Recordings.__getitem__", 6)}


def test_of_library_files_the_lines_around(tmp_path: Path, project: Path) -> None:
    library = tmp_path / "lib" / "python3.11" / "site-packages" / "pkg" / "deep.py"
    library.parent.mkdir(parents=True)
    library.write_text("\n".join(f"line {n}" for n in range(1, 101)))
    raw = run(tmp_path, (str(library), 50), (str(library), 2))
    store_sources(raw, str(project))
    sources, _ = read_sources(raw, str(project))
    assert sorted(sources["pkg/deep.py"]) == [*range(1, 9), *range(44, 57)]
    assert sources["pkg/deep.py"][50] == "line 50"
    assert [p.name for p in (raw / "sources").iterdir()] == ["index.json"]


def test_a_large_own_file_is_not_stored_whole(tmp_path: Path, project: Path) -> None:
    (project / "large.py").write_text("x = 1\n" * (STORED_BYTES_MAX // 6 + 1))
    raw = run(tmp_path, (str(project / "large.py"), 500))
    store_sources(raw, str(project))
    sources, _ = read_sources(raw, str(project))
    assert sorted(sources["large.py"]) == list(range(494, 507))


def test_files_that_look_secret_and_ours_are_left_out(tmp_path: Path, project: Path) -> None:
    (project / "credentials.py").write_text("key = 1\n")
    ours = project / "throughput_inprocess"
    ours.mkdir()
    (ours / "patches.py").write_text("x = 1\n")
    raw = run(tmp_path, (str(project / "credentials.py"), 1), (str(ours / "patches.py"), 1))
    store_sources(raw, str(project))
    assert read_sources(raw, str(project)) == ({}, {})


def test_notes_point_to_sources_too(tmp_path: Path, project: Path) -> None:
    raw = run(tmp_path)
    place = str(project / "data.py")
    rows: list[Any] = [
        {"kind": "stack", "id": 1, "frames": [["f", place, 8, 7]]},
        {"kind": "lock", "id": 1, "made_file": place, "made_line": 21},
    ]
    text = "\n".join(json.dumps(r) for r in rows) + '\n{"kind": "stack", "fra'
    (raw / "rank-0000" / "notes-7.jsonl").write_text(text)
    store_sources(raw, str(project))
    _, qualified = read_sources(raw, str(project))
    assert {line for _, line in qualified} == {8, 21}


def test_names_that_json_escapes(tmp_path: Path) -> None:
    folder = tmp_path / 'pro"ject ñ\\x'
    folder.mkdir()
    (folder / "train.py").write_text("x = 1\n")
    raw = run(tmp_path, (str(folder / "train.py"), 1))
    store_sources(raw, str(folder))
    assert list(read_sources(raw, str(folder))[0]) == ["train.py"]
