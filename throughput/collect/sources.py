"""Copy the source that stacks point to into the run: `raw/sources/index.json` and own files beside it.

index.json: {"files": [{"path", "own", "stored" (file name in raw/sources, or null), "lines": {number: text},
"functions": {line: [qualified name, first line]}}]}. Own files are stored whole up to 200 kB; of library
files the lines around those that were seen. Files that look secret are left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from throughput.collect.secrets import looks_secret
from throughput.model.place import legible, place_of

STORED_BYTES_MAX = 200_000
READ_BYTES_MAX = 4_000_000
AROUND = 6
FILES_MAX = 2_000
OURS = "throughput_inprocess"
"""What runs inside the script is nobody's own code: no stack that is read shows it."""
_KINDS = (b'"stack"', b'"lock"', b'"kept"')
"""Of the notes that mention lines."""
_SEEN = re.compile(rb'"filename":"((?:[^"\\]|\\.)*)","line":(\d+)')
_CLOSING = (")", "]", "}", "#")
"""Lines that may stand further left than the block that they are in."""
_LONG_QUOTES = ('"""', "'''")
_DEFINITION = re.compile(r"^(\s*)(?:async\s+def|def|class)\s+(\w+)")


def store_sources(raw: Path, script_dir: str) -> None:
    """Write the sources of every file that a stack of this run shows; what can't be read is left out."""
    folder = raw / "sources"
    folder.mkdir(exist_ok=True)
    files = []
    for number, (path, seen) in enumerate(sorted(_seen(raw).items())):
        if number >= FILES_MAX or looks_secret(path):
            continue
        entry = _entry(path, seen, script_dir)
        if entry is None:
            continue
        text = entry.pop("text", None)
        if isinstance(text, str):
            entry["stored"] = f"{number:04d}.py"
            (folder / f"{number:04d}.py").write_text(text, encoding="utf-8", errors="replace", newline="\n")
        files.append(entry)
    (folder / "index.json").write_bytes(msgspec.json.encode({"files": files}))


def _seen(raw: Path) -> dict[str, set[int]]:
    """Return file -> lines that any raw file of this run mentions in a stack."""
    found: dict[str, set[int]] = {}
    for path, line in _mentions(raw):
        if path and not path.startswith("<") and OURS not in path:
            found.setdefault(path, set()).add(line)
    return found


def _mentions(raw: Path) -> Iterator[tuple[str, int]]:
    for stacks in raw.glob("rank-*/stacks.json"):
        for name, line in set(_SEEN.findall(stacks.read_bytes())):
            yield msgspec.json.decode(b'"' + name + b'"', type=str), int(line)
    yield from _mentions_of_a_stall(raw / "stall.json")
    for notes in raw.glob("rank-*/notes-*.jsonl"):
        for text in notes.read_bytes().splitlines():
            if not any(kind in text for kind in _KINDS):
                continue
            try:
                note = msgspec.json.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            for frame in note.get("frames") or ():
                yield str(frame[1]), int(frame[2] or 0)
            if note.get("kind") == "kept":
                yield from ((file, line) for row in note["rows"] for file, line in row["frames"])
            if note.get("made_file"):
                yield str(note["made_file"]), int(note.get("made_line") or 0)


def _mentions_of_a_stall(moment: Path) -> Iterator[tuple[str, int]]:
    if moment.is_file():
        for process in msgspec.json.decode(moment.read_bytes())["processes"]:
            for thread in process["threads"]:
                yield from ((file, line) for _, file, line in thread["frames"])


def _entry(path: str, seen: set[int], script_dir: str) -> dict[str, object] | None:
    shown = legible(script_dir)
    on_disk = script_dir + path[len(shown) :] if path.startswith(shown) else path
    try:
        data = Path(on_disk).read_bytes()[:READ_BYTES_MAX]
    except (OSError, ValueError):
        return None
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    _, _, own = place_of(path, shown)
    functions = _functions(text, lines, seen, own)
    entry: dict[str, object] = {"path": path, "own": own, "stored": None, "functions": functions}
    if own and len(data) <= STORED_BYTES_MAX:
        entry["text"] = text
    else:
        near = {m for n in seen for m in range(max(1, n - AROUND), min(len(lines), n + AROUND) + 1)}
        entry["lines"] = {str(n): lines[n - 1][:500] for n in sorted(near)}
    return entry


def _functions(text: str, lines: list[str], seen: set[int], own: bool) -> dict[str, list[object]]:
    """Return line -> [qualified name, first line] of the function that holds it, if one does.

    Own code is parsed. Parsing all of torch that a run shows would take a second, so libraries, whose code is
    laid out well, are read by indentation.
    """
    inside = (n for n in seen if 0 < n <= len(lines))
    spans = _spans(text) if own else None
    if spans is None:
        return {str(n): found for n in inside if (found := _function_at(lines, n))}
    return {str(n): found for n in inside if (found := _innermost(spans, n))}


def _spans(text: str) -> list[tuple[int, int, str]] | None:
    """Return (first line, last line, qualified name) of functions and classes; None for no Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: list[tuple[int, int, str]] = []
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, above = waiting.pop()
        for inner in ast.iter_child_nodes(node):
            name = above
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{above}.{inner.name}" if above else inner.name
                found.append((inner.lineno, inner.end_lineno or inner.lineno, name))
            waiting.append((inner, name))
    return found


def _innermost(spans: list[tuple[int, int, str]], number: int) -> list[object] | None:
    holding = [span for span in spans if span[0] <= number <= span[1]]
    if not holding:
        return None
    first, _, name = max(holding)
    return [name, first]


def _function_at(lines: list[str], number: int) -> list[object] | None:
    """Return [qualified name, first line] of the function that holds a line, by indentation."""
    line = lines[number - 1]
    own = _DEFINITION.match(line)
    indent = len(own.group(1)) + 1 if own else len(line) - len(line.lstrip())
    names: list[str] = []
    first = 0
    in_text = False
    for above in range(number, 0, -1):
        text = lines[above - 1].lstrip()
        if sum(map(text.count, _LONG_QUOTES)) % 2:
            in_text = not in_text
        elif in_text:
            continue  # a docstring's lines may stand anywhere
        match = _DEFINITION.match(lines[above - 1])
        if text and not match and not text.startswith(_CLOSING):
            indent = min(indent, len(lines[above - 1]) - len(text))
        if match and len(match.group(1)) < indent:
            names.append(match.group(2))
            first = first or above
            indent = len(match.group(1))
            if not indent:
                break
    return [".".join(reversed(names)), first] if names else None
