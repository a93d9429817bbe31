"""Write what cProfile counted as a file that snakeviz and `pstats` open.

The file is Python's marshal format, which must never be read from a stranger: we write it from numbers that
were stored as JSON, and read none.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence

from throughput.model.timeline import Call
from throughput.render import view

Function = tuple[str, int, str]
"""File, line, name: what pstats calls a function."""
Amount = tuple[int, int, float, float]
"""Primitive calls, calls, seconds in the function itself, seconds with what it calls."""
Callers = Mapping[Function, Mapping[Function, tuple[int, int, int]]]
"""Function -> who called it -> calls, self ns, total ns."""


def pstats_bytes(calls: Sequence[Call], *, callers: Callers | None = None, role: str | None = None) -> bytes:
    """Return the calls as a pstats file; `role` takes only those of training, thread or worker.

    Recursion was not counted apart: primitive calls are all calls.
    """
    rows: dict[Function, Amount] = {}
    for call in calls:
        if role is not None and call.role != role:
            continue
        key = (_file(call.file), call.line, view.plain(call.function))
        old = rows.get(key, (0, 0, 0.0, 0.0))
        own, total = call.self_ns / 1e9, call.total_ns / 1e9
        rows[key] = (old[0] + call.calls, old[1] + call.calls, old[2] + own, old[3] + total)
    known = {_shown(function): _callers(found) for function, found in (callers or {}).items()}
    return marshal.dumps({key: (*amount, known.get(key, {})) for key, amount in rows.items()})


def _file(path: str) -> str:
    # "~" marks builtins in pstats; a file keeps its own name, without the folders above it.
    return path if path == "~" else view.place(path, 0)


def _shown(function: Function) -> Function:
    return _file(function[0]), function[1], view.plain(function[2])


def _callers(found: Mapping[Function, tuple[int, int, int]]) -> dict[Function, Amount]:
    return {
        _shown(function): (calls, calls, own / 1e9, total / 1e9)
        for function, (calls, own, total) in found.items()
    }
