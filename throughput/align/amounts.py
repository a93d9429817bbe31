"""Read what processes counted beside cProfile: amounts a batch, instructions, places where graphs broke."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from throughput.align.frames import FrameReader
from throughput.align.notes import Notes


def read_amounts(processes: Sequence[Notes]) -> list[dict[str, Any]]:
    """Return the amounts of all processes, a row a name: {"name", "times", "total", "least", "most"}."""
    found: dict[str, dict[str, Any]] = {}
    for notes in processes:
        # The last note of a name is the whole of its process.
        for name, row in {note["name"]: note for note in notes.of("amount")}.items():
            if row["times"] < 1:
                continue
            known = found.get(name)
            if known is None:
                found[name] = {key: row[key] for key in ("name", "times", "total", "least", "most")}
                continue
            known["times"] += row["times"]
            known["total"] += row["total"]
            known["least"] = min(known["least"], row["least"])
            known["most"] = max(known["most"], row["most"])
    return list(found.values())


def placed_breaks(compiled: Any, frames: FrameReader) -> Any:
    """Return what torch's compiler said, with its graph breaks' files as the report shows them."""
    if not isinstance(compiled, dict) or not isinstance(compiled.get("breaks"), list):
        return compiled
    found = []
    for row in compiled["breaks"]:
        if not isinstance(row, dict) or not isinstance(row.get("count"), int):
            continue
        line = row.get("line")
        frame = frames.read(
            str(row.get("function")), str(row.get("file")), line if isinstance(line, int) else 0
        )
        if frame is not None:
            found.append({**row, "file": frame.file, "line": frame.line, "function": frame.function})
    return {**compiled, "breaks": found}
