"""Give the copies and waits of a trace the lines that called for them, as the light timers counted them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from throughput.model.timeline import Frame, Stacks

COPIES = "to"
"""What the light timers call a copy to the device; every other call reads from it."""
READS = ("item", "_local_scalar_dense", "is_nonzero", "nonzero", "to the cpu")
"""How a trace names the operators in which such calls wait."""


def placed_calls(
    told: Mapping[str, Any], calls: Iterable[Mapping[str, Any]], numbers: Mapping[int, int], stacks: Stacks
) -> dict[str, Any]:
    """Return what a trace says of its device, copies and waits with the line that took longest.

    Args:
        told: of the trace, `facts["device"]`.
        calls: the notes of device calls.
        numbers: the process's own stack numbers -> ours.
        stacks: ours.
    """
    known = [call for call in calls if numbers.get(call["stack"]) is not None]
    sends = [call for call in known if call["call"] == COPIES]
    reads = [call for call in known if call["call"] != COPIES]
    sent, read = _longest(sends, numbers, stacks), _longest(reads, numbers, stacks)
    copies = [_placed(row, sent) if row["direction"] == "h2d" else row for row in told["copies"]]
    syncs = [_placed(row, read) if row["name"].endswith(READS) else row for row in told["syncs"]]
    return {**told, "copies": copies, "syncs": syncs}


def _placed(row: Mapping[str, Any], place: str | None) -> dict[str, Any]:
    return {**row, "place": row["place"] or place}


def _longest(calls: list[Mapping[str, Any]], numbers: Mapping[int, int], stacks: Stacks) -> str | None:
    """Return "file:line" of the calls that took longest together."""
    spent: dict[str, int] = {}
    for call in calls:
        place = _place([stacks.frames[n] for n in stacks.stacks[numbers[call["stack"]]]])
        if place is not None:
            spent[place] = spent.get(place, 0) + call["ns"]
    return max(spent, key=lambda place: spent[place], default=None)


def _place(frames: list[Frame]) -> str | None:
    """Return the innermost line of own code; None where a library calls for itself."""
    own = next((frame for frame in reversed(frames) if frame.own), None)
    return None if own is None else f"{own.file}:{own.line}"
