"""Put a range into torch.profiler's trace around each call of a module, in the steps with shapes alone.

Done by standing in for `Module.__call__`, not by hooks: a compiled region checks that no hook is there, and
would be compiled again.
"""

from __future__ import annotations

import functools
import threading

from . import untraced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PREFIX = "throughput.module:"
"""Followed by the module's path, a blank and its class; the reader of the trace has the same."""

_names: dict[int, str] = {}
_kept: list[Any] = []
"""Modules that have a name: while they live, nothing else gets their ids."""
_roots: dict[str, int] = {}
_originals: list[Any] = []


class _Depth(threading.local):
    value = 0


_depth = _Depth()


def watch(torch: Any) -> None:
    """Begin to mark calls of modules."""
    from torch.profiler import record_function

    kind = torch.nn.Module
    original = kind.__call__
    compiler = getattr(torch, "compiler", None)
    is_compiling: Callable[[], bool] = getattr(compiler, "is_compiling", lambda: False)

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_compiling():
            return original(self, *args, **kwargs)
        name = _names.get(id(self)) or _named(self)
        _depth.value += 1
        try:
            with record_function(name):
                return original(self, *args, **kwargs)
        finally:
            _depth.value -= 1

    untraced.leave_out(torch, __call__)
    _originals[:] = [kind, original]
    kind.__call__ = __call__


def leave() -> None:
    """Stop marking; nothing of ours stays."""
    if _originals:
        kind, original = _originals
        kind.__call__ = original
    for kept in (_originals, _kept, _names, _roots):
        kept.clear()


def _named(module: Any) -> str:
    """Return the name of a module that was not called before; its class where it can't list what is in it."""
    try:
        return _learn(module)
    except Exception:
        return f"{PREFIX}{type(module).__name__} {type(module).__name__}"


def _learn(module: Any) -> str:
    """Name a module and all in it, after the outermost that is called; several of a class are numbered."""
    name = type(module).__name__
    if not _depth.value:
        _roots[name] = count = _roots.get(name, 0) + 1
        name = name if count == 1 else f"{name}#{count}"
    for path, inner in module.named_modules():
        if id(inner) not in _names:
            whole = f"{name}.{path}" if path else name
            shown = "".join(c if c.isprintable() and c not in '"\\ ' else "_" for c in whole)
            _names[id(inner)] = f"{PREFIX}{shown} {type(inner).__name__}"
            _kept.append(inner)
    return _names[id(module)]
