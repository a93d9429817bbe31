"""Read what a run says of its device, `timeline.facts["device"]`: copies, syncs and kernels, as totals.

Its form, all times in ns and summed over `steps` steps; what could not be seen is absent or null:

    {"name": "NVIDIA H100", "steps": 50,
     "copies": [{"direction": "h2d" | "d2h" | "d2d", "bytes": 4096, "ns": 900, "count": 1,
                 "pinned": true, "blocking": false, "place": "train.py:31"}],
     "syncs": [{"name": "aten::item", "ns": 800000, "count": 50, "place": "train.py:40"}],
     "kernels": {"count": 12000, "busy_ns": 90000000}}

A row is all copies or syncs of one kind at one place. Rows that are no such thing are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from throughput.diagnose.reading import number
from throughput.model.finding import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Copies of one kind at one place; `pinned` and `blocking` are None where unknown."""

    direction: str
    ns: float
    bytes: float
    count: float
    pinned: bool | None
    blocking: bool | None
    place: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Times at which the training thread waited for the device in one call at one place."""

    name: str
    ns: float
    count: float
    place: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What the device did over `steps` steps."""

    steps: float
    copies: tuple[Copy, ...]
    syncs: tuple[Sync, ...]
    kernels: float | None
    kernel_ns: float | None


def read_device(facts: Facts) -> DeviceFacts | None:
    """Return what is known of the device; None without one, or where its steps were not counted."""
    raw = _mapping(facts.timeline.facts.get("device"))
    steps = number(raw.get("steps"))
    if steps is None or steps <= 0:
        return None
    kernels = _mapping(raw.get("kernels"))
    return DeviceFacts(
        steps=steps,
        copies=tuple(_copy(row) for row in _rows(raw.get("copies"))),
        syncs=tuple(_sync(row) for row in _rows(raw.get("syncs"))),
        kernels=number(kernels.get("count")),
        kernel_ns=number(kernels.get("busy_ns")),
    )


def _copy(row: Mapping[str, object]) -> Copy:
    return Copy(
        direction=str(row.get("direction", "")),
        ns=number(row.get("ns")) or 0.0,
        bytes=number(row.get("bytes")) or 0.0,
        count=number(row.get("count")) or 0.0,
        pinned=_flag(row.get("pinned")),
        blocking=_flag(row.get("blocking")),
        place=_text(row.get("place")),
    )


def _sync(row: Mapping[str, object]) -> Sync:
    return Sync(
        name=str(row.get("name", "")),
        ns=number(row.get("ns")) or 0.0,
        count=number(row.get("count")) or 0.0,
        place=_text(row.get("place")),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _rows(value: object) -> list[Mapping[str, object]]:
    rows = value if isinstance(value, list | tuple) else ()
    return [row for row in rows if isinstance(row, dict) and (number(row.get("ns")) or 0) > 0]


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
