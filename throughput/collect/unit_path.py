"""Turn what --unit says into a path from a batch to a value: names and indices, no code."""

from __future__ import annotations

import re
from collections.abc import Iterable

from throughput.errors import UsageError

Path = tuple[str | int, ...]

UNITS = ("samples", "tokens")
PART = re.compile(r"\.?([A-Za-z]\w*)|\[(-?\d+)\]|\[(?:\"([^\"\]]+)\"|'([^'\]]+)')\]")
"""A key or attribute, an index, a key in quotes; no name begins with an underscore."""
HINT = "Write --unit tokens=input_ids, or a path: --unit samples=batch[0].shape[0]."


def paths_of(units: Iterable[str]) -> dict[str, Path]:
    """Return each unit's path.

    Raises:
        UsageError: it is no unit, or no path.
    """
    found = {}
    for text in units:
        unit, _, path = text.partition("=")
        if unit.strip() not in UNITS:
            raise UsageError(f"--unit is samples=PATH or tokens=PATH, not {text}.", hint=HINT)
        found[unit.strip()] = _parts(path.strip(), text)
    return found


def _parts(path: str, whole: str) -> Path:
    parts: list[str | int] = []
    at = 0
    while at < len(path):
        match = PART.match(path, at)
        if match is None or (path[at] != "." and path[at] != "[" and at):
            raise UsageError(f"--unit {whole} is no path of names and indices.", hint=HINT)
        name, index, *quoted = match.groups()
        parts.append(int(index) if index is not None else name or quoted[0] or quoted[1])
        at = match.end()
    chosen = parts[1:] if parts[:1] == ["batch"] else parts
    if not chosen:
        raise UsageError(f"--unit {whole} names nothing in the batch.", hint=HINT)
    return tuple(chosen)
