"""Turn a timeline into what its training process did, counted: calls, operators, files, bytes, collectives.

A count is exact where it is a whole number a step (or a batch, in a loader's workers). Something that happens
every so many steps is no whole number, and what waits or looks at a clock never counts as exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from throughput.model.benchmark import SavedCount
from throughput.model.category import Block
from throughput.model.timeline import Call, Timeline

COUNTS_MAX = 600
"""Counts that are kept; a script has some 50 own functions, 100 builtins and 80 operators."""
MANY = ("operator", "call", "builtin", "worker call", "worker builtin")
"""Kinds of which there are many; the others are kept first, also where they are zero."""
BUILTIN = re.compile(r"<method '(\w+)' of|<built-in method (?:\S+\.)?(\w+)>")
"""As cProfile names them."""
OPENS = re.compile(r"<built-in method (?:_?io\.open(?:_code)?|posix\.open)>")
TIMED = re.compile(
    r"<built-in method (?:time|select|_thread)\.|<method '(?:acquire|release|__enter__|__exit__)' of '_|"
    r"<method '(?:poll|select)' of 'select|<method '(?:write|flush)' of '_io|<built-in method posix\.pread>"
)
"""Builtins that wait, look at a clock or show progress: how often hangs on the machine, not on the code."""
TWO = 2
"""Steps or batches without which nothing is known to be the same in all of them."""
CALLERS_UP = 8
"""Callers of callers that are searched for own code; a library's own layers are fewer."""
Key = tuple[str, str, str]
Place = tuple[str, int, str]


def counts_of(timeline: Timeline) -> tuple[SavedCount, ...]:
    """Return what one process counted in its heavy blocks; empty where those were off."""
    found = [*_operators(timeline), *_calls(timeline), *_compiled(timeline), *_device(timeline)]
    found += [*_amounts(timeline), *_collectives(timeline), *_instructions(timeline)]
    ranked = sorted(found, key=lambda one: (one.kind in MANY, not one.exact, -one.per_step, one.name))
    return tuple(ranked[:COUNTS_MAX])


def _operators(timeline: Timeline) -> Iterator[SavedCount]:
    steps = [step for step in timeline.steps if step.block is Block.TORCH]
    operators = timeline.operators
    if not steps or not operators.inner_counts:
        return
    varying = _varying(timeline, [step.start_ns for step in steps], steps[-1].end_ns)
    for name, total in operators.inner_counts.items():
        exact = len(steps) >= TWO and total % len(steps) == 0 and name not in varying
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
    """Yield calls of own functions, of builtins with the own function behind them, and files opened."""
    steps = sum(step.block is Block.CPROFILE for step in timeline.steps)
    batches = sum(number for number in timeline.facts.get("worker_batches") or () if isinstance(number, int))
    here = [call for call in timeline.calls if not call.fetches]
    workers = [call for call in timeline.calls if call.fetches]
    if steps and here:
        yield from _counted(timeline, here, steps, "")
    if batches and workers:
        yield from _counted(timeline, workers, batches, "worker ")


def _counted(timeline: Timeline, calls: Sequence[Call], over: int, who: str) -> Iterator[SavedCount]:
    """Yield the counts of a process: over its steps, or over the batches that workers made."""
    places = {(call.file, call.line, call.function): call for call in timeline.calls}
    written = _own_lines(timeline)
    sums: dict[Key, list[Call]] = {(f"{who}files", f"files opened{' by workers' * bool(who)}", ""): []}
    for call in calls:
        if call.own:
            sums.setdefault((f"{who}call", call.function, call.file), []).append(call)
        elif call.file == "~":
            opens = OPENS.fullmatch(call.function) is not None
            key = next(iter(sums)) if opens else (f"{who}builtin", call.function, "")
            sums.setdefault(key, []).append(call)
    for (kind, name, file), rows in sums.items():
        total = sum(call.calls for call in rows)
        where = f"{file}:{rows[0].line}" if file else _caller(rows, places) or _only(written, rows)
        even = (
            over >= TWO
            and total % over == 0
            and all(call.calls % (call.fetches or over) == 0 for call in rows)
        )
        exact = even and TIMED.match(name) is None
        if total or kind.endswith("files"):
            yield SavedCount(kind=kind, name=name, where=where, per_step=round(total / over, 4), exact=exact)


def _caller(calls: Sequence[Call], places: Mapping[Place, Call]) -> str | None:
    """Return the place of the own function behind most of these calls; None where none is known to be."""
    level = [(caller[:3], caller[3]) for call in calls for caller in call.callers]
    seen: set[Place] = set()
    for _ in range(CALLERS_UP):
        known = [(places[place], number) for place, number in level if place in places and place not in seen]
        own = max((pair for pair in known if pair[0].own), key=lambda pair: pair[1], default=None)
        if own is not None:
            return f"{own[0].file}:{own[0].line}"
        seen |= {place for place, _ in level}
        level = [(caller[:3], caller[3]) for call, _ in known for caller in call.callers]
    return None


def _own_lines(timeline: Timeline) -> list[tuple[str, str]]:
    """Return each line of own code that was stored, with its place."""
    files = {frame.file for frame in timeline.stacks.frames if frame.own}
    return [
        (f"{file}:{number}", text)
        for file in sorted(files)
        for number, text in timeline.sources.get(file, {}).items()
    ]


def _only(written: Sequence[tuple[str, str]], calls: Sequence[Call]) -> str | None:
    """Return the only line of own code that calls a builtin; cProfile knows no caller that ran before it."""
    match = BUILTIN.search(calls[0].function) if calls else None
    if match is None:
        return None
    called = re.compile(rf"\b{re.escape(match[1] or match[2])}\(")
    found = [place for place, text in written if called.search(text)]
    return found[0] if len(found) == 1 else None


def _compiled(timeline: Timeline) -> Iterator[SavedCount]:
    """Yield what torch's compiler did over the whole run, and where graphs broke."""
    found = timeline.facts.get("compile")
    if not isinstance(found, dict):
        return
    for name in ("graph_breaks", "recompiles", "unique_graphs"):
        value = found.get(name)
        if isinstance(value, int):
            # How often code is compiled again hangs on how long it ran.
            yield SavedCount(kind="compile", name=name, per_step=float(value), exact=name != "recompiles")
    places: dict[str, list[Mapping[str, Any]]] = {}
    for row in found.get("breaks") or ():
        places.setdefault(f"graph break in {row['function']}", []).append(row)
    for name, rows in places.items():
        where = f"{rows[-1]['file']}:{rows[-1]['line']}"
        number = float(sum(row["count"] for row in rows))
        yield SavedCount(kind="compile", name=name, where=where, per_step=number, exact=True)


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
        yield SavedCount(
            kind="device",
            name=name,
            per_step=round(total / steps, 4),
            exact=steps >= TWO and total % steps == 0,
        )


def _amounts(timeline: Timeline) -> Iterator[SavedCount]:
    """Yield bytes a batch: read while it was fetched, pickled by workers."""
    for row in timeline.facts.get("amounts") or ():
        yield _spread("amount", row, row["times"])


def _collectives(timeline: Timeline) -> Iterator[SavedCount]:
    """Yield collectives and their bytes a step, where there are several ranks."""
    steps = sum(step.block is Block.TORCH for step in timeline.steps)
    rows = timeline.facts.get("collectives") or ()
    world = timeline.facts.get("world_size")
    if steps and ((isinstance(world, int) and world > 1) or any(row["total"] for row in rows)):
        yield from (_spread("collective", row, steps) for row in rows)


def _spread(kind: str, row: Mapping[str, Any], over: int) -> SavedCount:
    """Return the mean of what was counted each time, and how far apart the least and the most were."""
    least, most = float(row["least"]), float(row["most"])
    mean = round(row["total"] / over, 4)
    return SavedCount(
        kind=kind, name=row["name"], per_step=mean, spread=most - least, exact=over >= TWO and least == most
    )


def _instructions(timeline: Timeline) -> Iterator[SavedCount]:
    """Yield instructions of the training thread a light step; they vary a little with the machine's state."""
    found = timeline.facts.get("instructions")
    if isinstance(found, dict) and found["steps"] > 0:
        yield SavedCount(
            kind="instructions", name="instructions", per_step=round(found["count"] / found["steps"])
        )
