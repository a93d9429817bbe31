"""Read `notes-<pid>.jsonl`: what the training process and its workers said of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

LIMIT_LINES = 500_000


class Notes:
    """The notes of one process, by kind."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the notes of one kind, in the order in which they were written."""
        return (row for row in self.rows if row.get("kind") == kind)

    def first(self, kind: str) -> dict[str, Any]:
        """Return the first note of a kind; empty where there is none."""
        return next(self.of(kind), {})


def read_notes(file: BinaryIO) -> Notes:
    """Return the notes of a file; a line that isn't a JSON object (cut off by a kill) is left out."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(file):
        if number >= LIMIT_LINES:
            break
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    return Notes(rows)
