"""Write what cProfile counted as a file that snakeviz and `pstats` open.

The file is Python's marshal format, which must never be read from a stranger: we write it from numbers that
were stored as JSON, and read none.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from throughput.model.timeline import ALREADY_RUNNING, Call
from throughput.render import view

Function = tuple[str, int, str]
"""File, line, name: what pstats calls a function."""
Amounts = tuple[int, int, int]
"""Calls, ns in the function itself, ns with what it calls."""
ROOT: Function = ("~", 0, "<all that was counted>")
"""Calls the threads, so that viewers which draw one tree draw them all."""
ROLES = {
    "training": "<training thread>",
    "thread": "<other threads>",
    "worker": "<DataLoader workers>",
    "all threads": "<all threads of the training process>",
}


@dataclass(slots=True)
class _Row:
    amounts: Amounts = (0, 0, 0)
    callers: dict[Function, Amounts] = field(default_factory=dict)


def pstats_bytes(calls: Sequence[Call], *, role: str | None = None) -> bytes:
    """Return the calls as a pstats file; `role` takes only those of training, thread or worker.

    Recursion was not counted apart: primitive calls are all calls. What code called that was running before
    counting began hangs under a row for its kind of thread.
    """
    rows: dict[Function, _Row] = {}
    for call in calls:
        if role is not None and call.role != role:
            continue
        thread: Function = ("~", 0, ROLES.get(call.role, "<threads>"))
        row = rows.setdefault(_shown((call.file, call.line, call.function)), _Row())
        row.amounts = _sum((row.amounts, (call.calls, call.self_ns, call.total_ns)))
        for file, line, function, number, own, total in call.callers:
            known = (file, line, function)
            caller = thread if known == ALREADY_RUNNING else _shown(known)
            amounts = (number, own, total)
            row.callers[caller] = _sum((row.callers.get(caller, (0, 0, 0)), amounts))
    _add_roots(rows)
    return marshal.dumps({key: (*_pstats(row.amounts), _callers(row, rows)) for key, row in rows.items()})


def _add_roots(rows: dict[Function, _Row]) -> None:
    """Add a row for each kind of thread, above what its running code called, and one above them all."""
    threads: dict[Function, int] = {}
    kinds = {("~", 0, name) for name in (*ROLES.values(), "<threads>")}
    for row in rows.values():
        for caller, amounts in row.callers.items():
            if caller in kinds:
                threads[caller] = threads.get(caller, 0) + amounts[2]
    for thread, total in threads.items():
        rows[thread] = _Row((1, 0, total), {ROOT: (1, 0, total)})
    if threads:
        rows[ROOT] = _Row((1, 0, sum(threads.values())))


def _callers(row: _Row, rows: dict[Function, _Row]) -> dict[Function, tuple[int, int, float, float]]:
    return {caller: _pstats(amounts) for caller, amounts in row.callers.items() if caller in rows}


def _pstats(amounts: Amounts) -> tuple[int, int, float, float]:
    """Return primitive calls, calls, seconds in the function itself, seconds with what it calls."""
    calls, own, total = amounts
    return calls, calls, own / 1e9, total / 1e9


def _sum(parts: Iterable[Amounts]) -> Amounts:
    calls, own, total = (sum(column) for column in zip(*parts, strict=True))
    return calls, own, total


def _shown(function: Function) -> Function:
    # "~" marks builtins in pstats; a file keeps its own name, without the folders above it.
    file, line, name = function
    return file if file == "~" else view.place(file, 0), line, view.plain(name)
