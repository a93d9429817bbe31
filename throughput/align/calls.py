"""Read `calls-<pid>-<thread>.json`: what cProfile counted, already turned into JSON when collected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from throughput.align.frames import OURS, FrameReader
from throughput.model.place import place_of
from throughput.model.timeline import ALREADY_RUNNING, Call, Caller

LIMIT_BYTES = 200_000_000
NESTED_MAX = 6
"""Wrappers of ours around one another, at most: a loader's, a phase's and a lock's, some to spare."""

_Row = tuple[str, int, str, int, int, int]
_Edge = tuple[int, int, int, int, int]


class _Calls(msgspec.Struct):
    pid: int
    role: str
    rows: list[_Row]
    callers: list[_Edge] = []
    fetches: int = 0


def read_calls(file: BinaryIO, frames: FrameReader) -> tuple[Call, ...]:
    """Return the functions that one thread called; a damaged file gives none."""
    try:
        found = msgspec.json.decode(file.read(LIMIT_BYTES), type=_Calls)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    known = [place_of(row[0], frames.script_dir) if row[0] != "~" else ("~", "", False) for row in found.rows]
    places = [(place[0], row[1], row[2]) for place, row in zip(known, found.rows, strict=True)]
    callers = _callers(found, places)
    return tuple(
        Call(
            function=function,
            file=file_,
            line=line,
            calls=row[3],
            self_ns=row[4],
            total_ns=row[5],
            role=found.role,
            callers=tuple(callers.get(number, ())),
            own=known[number][2],
            fetches=max(0, found.fetches) if found.role == "worker" else 0,
        )
        for number, ((file_, line, function), row) in enumerate(zip(places, found.rows, strict=True))
        if OURS not in row[0]
    )


def _callers(found: _Calls, places: list[tuple[str, int, str]]) -> dict[int, list[Caller]]:
    """Return row -> its callers; where a wrapper of ours called it, those that called the wrapper."""
    edges: dict[int, list[_Edge]] = defaultdict(list)
    for edge in found.callers:
        if 0 <= edge[0] < len(places) and -1 <= edge[1] < len(places):
            edges[edge[0]].append(edge)
    ours = {number for number, row in enumerate(found.rows) if OURS in row[0]}
    callers: dict[int, list[Caller]] = defaultdict(list)
    for row in edges.keys() - ours:
        sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        for edge in edges[row]:
            for caller, part in _theirs(edge[1], ours, edges, NESTED_MAX):
                for place, amount in enumerate(edge[2:]):
                    sums[caller][place] += amount * part
        for caller, amounts in sums.items():
            place_ = places[caller] if caller >= 0 else ALREADY_RUNNING
            calls, own, total = (round(amount) for amount in amounts)
            callers[row].append((*place_, max(calls, 1), own, total))
    return callers


def _theirs(
    row: int, ours: set[int], edges: dict[int, list[_Edge]], deep: int
) -> Iterator[tuple[int, float]]:
    """Yield who called through a wrapper of ours, each with its part; the row itself where it is theirs."""
    if row not in ours:
        yield row, 1.0
        return
    above = edges.get(row, []) if deep else []
    total = sum(edge[4] for edge in above)
    for edge in above:
        for caller, part in _theirs(edge[1], ours, edges, deep - 1):
            yield caller, part * edge[4] / total if total else 0.0
