"""Read the sources that were stored with a run: lines by shown path, and qualified names by place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from throughput.flows.raw_files import FolderFiles
from throughput.model.place import place_of

Sources = dict[str, dict[int, str]]
Qualified = dict[tuple[str, int], tuple[str, int]]
INDEX_BYTES_MAX = 200_000_000


def read_sources(raw: Path, script_dir: str) -> tuple[Sources, Qualified]:
    """Return the stored sources of a run; nothing where none were stored or the index is damaged."""
    files = FolderFiles(raw / "sources")
    if not files.folder.is_dir() or "index.json" not in files.names():
        return {}, {}
    with files.open("index.json") as file:
        try:
            index = msgspec.json.decode(file.read(INDEX_BYTES_MAX))
        except (msgspec.DecodeError, RecursionError):
            return {}, {}
    sources: Sources = {}
    qualified: Qualified = {}
    names = files.names()
    for entry in index.get("files", ()) if isinstance(index, dict) else ():
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
            continue
        sources[place_of(entry["path"], script_dir)[0]] = _lines(entry, files, names)
        for line, found in (entry.get("functions") or {}).items():
            if line.isdigit() and isinstance(found, list) and len(found) == 2:
                qualified[entry["path"], int(line)] = (str(found[0]), int(found[1]))
    return sources, qualified


def _lines(entry: dict[str, Any], files: FolderFiles, names: tuple[str, ...]) -> dict[int, str]:
    stored = entry.get("stored")
    if isinstance(stored, str) and stored in names:
        with files.open(stored) as file:
            return dict(enumerate(file.read().decode("utf-8", "replace").split("\n"), 1))
    lines = entry.get("lines")
    return {int(n): str(text) for n, text in lines.items() if n.isdigit()} if isinstance(lines, dict) else {}
