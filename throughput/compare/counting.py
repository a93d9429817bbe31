"""Count what a step does, from what the heavy blocks recorded, and say which counts changed.

A count is exact where it is a whole number a step in every process, and the same in all: such counts have no
noise, so any difference is one of the code. Something that happens every so many steps is no whole number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from throughput.model.benchmark import SavedCount
from throughput.model.category import Block
from throughput.model.timeline import Call, Timeline
from throughput.model.verdict import CountRow

COUNTS_MAX = 600
"""Counts that are kept; a script has some 50 own functions, 100 builtins and 80 operators."""
SPREADS, LEAST = 3.0, 0.1
"""A count that varies has changed where it moved by more than three times both spreads, and a tenth."""
BUILTIN = re.compile(r"<method '(\w+)' of|<built-in method (?:\S+\.)?(\w+)>")
"""As cProfile names them."""
Key = tuple[str, str, str]


def counts_of(timeline: Timeline) -> tuple[SavedCount, ...]:
    """Return what one process counted in its heavy blocks; empty where those were off."""
    found = [*_operators(timeline), *_calls(timeline), *_compiled(timeline), *_device(timeline)]
    return tuple(sorted(found, key=lambda one: (not one.exact, -one.per_step, one.name))[:COUNTS_MAX])


def merged(processes: Sequence[tuple[SavedCount, ...]]) -> tuple[SavedCount, ...]:
    """Return the counts of several processes as one list: means, spreads, what is exact in all of them."""
    counted = [rows for rows in processes if rows]
    groups: dict[Key, list[SavedCount]] = {}
    for rows in counted:
        for one in rows:
            groups.setdefault(_key(one), []).append(one)
    found = []
    for rows_ in groups.values():
        values = [one.per_step for one in rows_]
        everywhere = len(rows_) == len(counted)
        least = min(values) if everywhere else 0.0
        found.append(
            replace(
                rows_[0],
                per_step=round(sum(values) / len(counted), 4),
                spread=round(max(values) - least, 4),
                exact=everywhere and all(one.exact for one in rows_) and max(values) == min(values),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.kind, one.name, one.where or "")))


def changed(
    base: Sequence[SavedCount], head: Sequence[SavedCount], *, several: bool
) -> tuple[tuple[CountRow, ...], int]:
    """Return the counts that differ, exact ones first, and how many were compared.

    Args:
        base: the counts before.
        head: the counts now.
        several: both sides ran more than one process, so that a spread is known.
    """
    if not base or not head:
        return (), 0
    before, now = {_key(one): one for one in base}, {_key(one): one for one in head}
    kinds = {one.kind for one in base} & {one.kind for one in head}
    cut = len(base) >= COUNTS_MAX or len(head) >= COUNTS_MAX
    keys = [key for key in before | now if key[0] in kinds and (not cut or (key in before and key in now))]
    rows = [_row(before.get(key), now.get(key), several=several) for key in keys]
    found = [row for row in rows if row is not None]
    located = (_located(row, found) for row in found)
    ranked = sorted(located, key=lambda r: (not r.exact, r.where is None, -abs(r.head - r.base)))
    return tuple(ranked), len(keys)


def _row(one: SavedCount | None, other: SavedCount | None, *, several: bool) -> CountRow | None:
    shown = other or one
    assert shown is not None
    base, head = one.per_step if one else 0.0, other.per_step if other else 0.0
    exact = (one is None or one.exact) and (other is None or other.exact)
    if base == head:
        return None
    if not exact:
        spread = (one.spread if one else 0.0) + (other.spread if other else 0.0)
        moved = abs(head - base)
        known = several and one is not None and other is not None
        if not known or moved <= SPREADS * spread or moved <= LEAST * max(base, head):
            return None
    return CountRow(kind=shown.kind, name=shown.name, where=shown.where, base=base, head=head, exact=exact)


def _located(row: CountRow, rows: Sequence[CountRow]) -> CountRow:
    """Return a changed operator with the place of own code whose calls changed by as many."""
    if row.where is not None:
        return row
    alike = [r for r in rows if r.where and r.exact and r.head - r.base == row.head - row.base]
    word = row.name.rpartition("::")[2].strip("_").split("_")[-1]
    best = next((r for r in alike if word and word in r.name), None) or (alike[0] if alike else None)
    return row if best is None else replace(row, where=best.where)


def _key(one: SavedCount) -> Key:
    """Return what makes two counts of one thing: lines shift with every edit, so they don't count."""
    return one.kind, one.name, (one.where or "").rpartition(":")[0] if one.kind == "call" else ""


def _operators(timeline: Timeline) -> Iterator[SavedCount]:
    steps = [step for step in timeline.steps if step.block is Block.TORCH]
    operators = timeline.operators
    if not steps or not operators.inner_counts:
        return
    varying = _varying(timeline, [step.start_ns for step in steps], steps[-1].end_ns)
    for name, total in operators.inner_counts.items():
        exact = total % len(steps) == 0 and name not in varying
        yield SavedCount(kind="operator", name=name, per_step=round(total / len(steps), 4), exact=exact)


def _varying(timeline: Timeline, starts: list[int], end: int) -> set[str]:
    """Return the outermost operators that not every step of the block runs equally often."""
    operators = timeline.operators
    edges = np.array([*starts, end], dtype=np.int64)
    step = np.searchsorted(edges, operators.start_ns, side="right") - 1
    inside = (step >= 0) & (step < len(starts))
    table = np.zeros((len(operators.names), len(starts)), dtype=np.int64)
    np.add.at(table, (operators.name[inside], step[inside]), 1)
    uneven = table.max(axis=1, initial=0) != table.min(axis=1, initial=int(np.iinfo(np.int64).max))
    return {name for name, odd in zip(operators.names, uneven.tolist(), strict=True) if odd}


def _calls(timeline: Timeline) -> Iterator[SavedCount]:
    """Yield calls of own functions, and of builtins with the own function that calls them most."""
    steps = sum(step.block is Block.CPROFILE for step in timeline.steps)
    if not steps:
        return
    own = {(call.file, call.line, call.function) for call in timeline.calls if call.own}
    written = _own_lines(timeline)
    sums: dict[Key, list[Call]] = {}
    for call in timeline.calls:
        if call.own:
            sums.setdefault(("call", call.function, call.file), []).append(call)
        elif call.file == "~":
            sums.setdefault(("builtin", call.function, ""), []).append(call)
    for (kind, name, file), calls in sums.items():
        total = sum(call.calls for call in calls)
        where = f"{file}:{calls[0].line}" if kind == "call" else _caller(calls, own) or _only(written, name)
        yield SavedCount(
            kind=kind, name=name, where=where, per_step=round(total / steps, 4), exact=total % steps == 0
        )


def _caller(calls: Sequence[Call], own: set[tuple[str, int, str]]) -> str | None:
    """Return the place of the own function that made most of these calls; None where none is known to."""
    callers = [caller for call in calls for caller in call.callers if caller[:3] in own]
    most = max(callers, key=lambda caller: caller[3], default=None)
    return None if most is None else f"{most[0]}:{most[1]}"


def _own_lines(timeline: Timeline) -> list[tuple[str, str]]:
    """Return each line of own code that was stored, with its place."""
    files = {frame.file for frame in timeline.stacks.frames if frame.own}
    return [
        (f"{file}:{number}", text)
        for file in sorted(files)
        for number, text in timeline.sources.get(file, {}).items()
    ]


def _only(written: Sequence[tuple[str, str]], name: str) -> str | None:
    """Return the only line of own code that calls a builtin; cProfile knows no caller that ran before it."""
    match = BUILTIN.search(name)
    if match is None:
        return None
    called = re.compile(rf"\b{re.escape(match[1] or match[2])}\(")
    found = [place for place, text in written if called.search(text)]
    return found[0] if len(found) == 1 else None


def _compiled(timeline: Timeline) -> Iterator[SavedCount]:
    """Yield what torch's compiler did over the whole run."""
    found = timeline.facts.get("compile")
    if not isinstance(found, dict):
        return
    for name in ("graph_breaks", "recompiles", "unique_graphs"):
        value = found.get(name)
        if isinstance(value, int):
            # How often code is compiled again hangs on how long it ran.
            yield SavedCount(kind="compile", name=name, per_step=float(value), exact=name != "recompiles")


def _device(timeline: Timeline) -> Iterator[SavedCount]:
    """Yield kernels, waits, and copies and bytes by direction, of the steps under torch.profiler."""
    found = timeline.facts.get("device")
    steps = found.get("steps") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(steps, int) or steps < 1:
        return
    totals: dict[str, float] = {"kernels": float(found["kernels"]["count"])}
    for copy in found.get("copies") or ():
        for name in ("count", "bytes"):
            key = f"copies {copy['direction']}" + (" bytes" if name == "bytes" else "")
            totals[key] = totals.get(key, 0.0) + float(copy[name])
    for wait in found.get("syncs") or ():
        totals["waits for the device"] = totals.get("waits for the device", 0.0) + float(wait["count"])
    for name, total in totals.items():
        yield SavedCount(kind="device", name=name, per_step=round(total / steps, 4), exact=total % steps == 0)
