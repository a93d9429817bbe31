"""Count calls of a function that the user named as steps: it is looked for by name and wrapped in place."""

from __future__ import annotations

import functools
import sys
import threading
import time

from . import control, rank
from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Call = Callable[..., Any]

LOOK_EVERY_S = 0.05


def _wrapped(original: Call, name: str) -> Call:
    @functools.wraps(original)
    def counted(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if control.controller is not None:
            rank.claim()
            control.controller.mark("marker", 0, name)
        return result

    return counted


def _owner_of(module: Any, path: list[str]) -> Any:
    owner = module
    for part in path[:-1]:
        owner = getattr(owner, part, None)
    return owner


def _find(name: str) -> tuple[Any, str, Call] | None:
    """Return (owner, attribute, function) of `func`, `Class.method` or `package.module.func`, or None."""
    parts = name.replace(":", ".").split(".")
    candidates = [("__main__", parts)]
    candidates += [(".".join(parts[:cut]), parts[cut:]) for cut in range(len(parts) - 1, 0, -1)]
    for module_name, path in candidates:
        module = sys.modules.get(module_name)
        owner = _owner_of(module, path) if module is not None else None
        found = getattr(owner, path[-1], None) if owner is not None else None
        if callable(found):
            return owner, path[-1], found
    return None


def _replace(owner: Any, attribute: str, original: Call, name: str) -> None:
    """Wrap the function where it lives, and wherever it was imported by name."""
    wrapped = _wrapped(original, name)
    setattr(owner, attribute, wrapped)
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(attribute) is original:
            setattr(module, attribute, wrapped)


def _look(name: str) -> None:
    while True:
        found = _find(name)
        if found is not None:
            _replace(*found, name)
            recorder.note("note", text=f"steps are calls of {name}")
            return
        time.sleep(LOOK_EVERY_S)


def watch(name: str) -> None:
    """Look for the function until it is there, in a thread of its own."""
    threading.Thread(target=_look, args=(name,), name="throughput-marker", daemon=True).start()
