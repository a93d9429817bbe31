"""Read the sources that were stored with a run: lines by shown path, and qualified names by place."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from throughput.flows.raw_files import FolderFiles
from throughput.model.place import place_of

Sources = dict[str, dict[int, str]]
Qualified = dict[tuple[str, int], tuple[str, int]]
INDEX_BYTES_MAX = 200_000_000


class _Entry(msgspec.Struct):
    """A file as `collect/sources.py` describes it."""

    path: str
    stored: str | None = None
    lines: dict[str, str] | None = None
    functions: dict[str, tuple[str, int]] | None = None


class _Index(msgspec.Struct):
    files: list[msgspec.Raw] = []


def read_sources(raw: Path, script_dir: str) -> tuple[Sources, Qualified]:
    """Return the stored sources of a run; nothing where none were stored or the index is damaged."""
    files = FolderFiles(raw / "sources")
    names = files.names() if files.folder.is_dir() else ()
    if "index.json" not in names:
        return {}, {}
    with files.open("index.json") as file:
        entries = _entries(file.read(INDEX_BYTES_MAX))
    sources: Sources = {}
    qualified: Qualified = {}
    for entry in entries:
        sources[place_of(entry.path, script_dir)[0]] = _lines(entry, files, names)
        for line, found in (entry.functions or {}).items():
            if _is_line(line):
                qualified[entry.path, int(line)] = found
    return sources, qualified


def _entries(data: bytes) -> list[_Entry]:
    """Return the entries that are sound."""
    try:
        index = msgspec.json.decode(data, type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    found = []
    for entry in index.files:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found.append(msgspec.json.decode(entry, type=_Entry))
    return found


def _lines(entry: _Entry, files: FolderFiles, names: tuple[str, ...]) -> dict[int, str]:
    if entry.stored in names:
        with files.open(str(entry.stored)) as file:
            return dict(enumerate(file.read().decode("utf-8", "replace").split("\n"), 1))
    return {int(n): text for n, text in (entry.lines or {}).items() if _is_line(n)}


def _is_line(text: str) -> bool:
    return text.isdecimal() and len(text) < 9
