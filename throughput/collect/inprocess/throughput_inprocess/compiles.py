"""Note the pauses in which torch's compiler works, and why it compiled again.

torch says itself when it begins and ends: nothing of ours stands in code that it traces.
"""

from __future__ import annotations

import sys
import threading
import time

from .recorder import PAUSE, recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

waiting: dict[str, list[Callable[[], None]]] = {}
"""Module -> what to do once the script has loaded it; we load none."""

REASONS_MAX, REASON_CHARS = 5, 200
"""Functions that were compiled again are named up to this number, each with the start of its last reason."""
BREAKS_MAX = 50
"""Places where graphs broke; more of them are a script that torch can't compile at all."""

_begun = [0]
_versions: dict[str, int] = {}
"""Frame, as torch numbers it -> how often it was compiled again."""
_handler: list[Any] = []


def look() -> None:
    """Do what waits for a module that has been loaded, and stay registered; called at each step's end."""
    for name in tuple(waiting):
        module = sys.modules.get(name)
        if module is not None and not getattr(module.__spec__, "_initializing", False):
            for call in waiting.pop(name):
                call()
    if _handler and _on_start not in _handler[0].start_callbacks:
        _register()  # torch._dynamo.reset() drops all callbacks


def listen(handler: Any, name: str) -> None:
    """Have torch call us when its compiler begins and ends."""
    _handler[:] = [handler]
    _register()


def _register() -> None:
    _handler[0].register_start_callback(_on_start)
    _handler[0].register_end_callback(_on_end)


def _on_start(*args: Any) -> None:
    _begun[0] = time.monotonic_ns()
    frame, _, version = str(getattr(args[0], "compile_id", "") if args else "").partition("/")
    number = version.partition("_")[0]
    if number.isdigit():
        _versions[frame] = max(_versions.get(frame, 0), int(number))


def _on_end(*args: Any) -> None:
    if _begun[0]:
        recorder.rows.append((PAUSE, threading.get_ident(), _begun[0], time.monotonic_ns(), 2, 0, 0, 0))
        _begun[0] = 0


def counters() -> dict[str, Any]:
    """Return torch's counts: frames, graph breaks, recompilations and their reasons; None where unknown."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    if dynamo is None:
        return {}
    counted = dynamo.counters
    failures = getattr(dynamo, "guard_failures", None)
    return {
        "frames": counted["frames"].get("total", 0),
        "ok": counted["frames"].get("ok", 0),
        "graph_breaks": sum(counted["graph_break"].values()),
        "unique_graphs": counted["stats"].get("unique_graphs", 0),
        "recompiles": sum(_versions.values()) if _versions else _none_for_sure(failures),
        "reasons": _reasons(failures or {}),
        "breaks": _breaks(getattr(dynamo, "graph_break_reasons", None) or ()),
    }


def _none_for_sure(failures: Any) -> int | None:
    """Return 0 where torch notes guards that failed and none did; None where that is unknown."""
    return 0 if failures is not None and not failures else None


def _reasons(failures: Any) -> list[dict[str, Any]]:
    """Return for the functions compiled again most often where they stand, and why the last time."""
    most = sorted(failures.items(), key=lambda item: -len(item[1]))[:REASONS_MAX]
    return [
        {
            "function": code.co_name,
            "file": code.co_filename,
            "line": code.co_firstlineno,
            "reason": str(reasons[-1]).partition("\n")[0][:REASON_CHARS],
        }
        for code, reasons in most
        if reasons
    ]


def _breaks(reasons: Any) -> list[dict[str, Any]]:
    """Return the lines at which graphs broke, and how often at each."""
    found: dict[tuple[str, int, str], int] = {}
    for reason in reasons:
        stack = getattr(reason, "user_stack", None)
        if stack and getattr(reason, "graph_break", True):
            place = (str(stack[-1].filename), int(stack[-1].lineno or 0), str(stack[-1].name))
            found[place] = found.get(place, 0) + 1
    return [
        {"file": file, "line": line, "function": function, "count": count}
        for (file, line, function), count in list(found.items())[:BREAKS_MAX]
    ]
