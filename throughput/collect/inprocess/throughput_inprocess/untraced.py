"""Keep torch's compiler from compiling what is ours where it runs between graphs: each try would break one.

Inside a graph our wrappers return at once (`is_compiling`). After a graph break torch's compiler looks at
each Python function that is called, so ours are marked in C as "run as it is";
torch._dynamo isn't loaded for it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any


def _marker(torch: Any) -> Callable[[CodeType], Any] | None:
    """Return what marks one code object, or None where this torch has no such thing."""
    frames: Any = getattr(getattr(torch._C, "_dynamo", None), "eval_frame", None)
    strategy = getattr(frames, "_FrameExecStrategy", None)
    if strategy is not None:
        action = frames._FrameAction
        as_it_is = strategy(action.SKIP, action.DEFAULT)
        return lambda code: frames.set_code_exec_strategy(code, as_it_is)
    skip: Callable[[CodeType], Any] | None = getattr(frames, "skip_code", None)
    return skip


def _codes(code: CodeType) -> list[CodeType]:
    """Return a code object and all that are made inside it."""
    found = [code]
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            found += _codes(constant)
    return found


def _functions(owner: Any) -> list[Any]:
    """Return the functions of a module or class, its classes' too."""
    found = []
    for value in vars(owner).values():
        if isinstance(value, type) and value.__module__ == getattr(owner, "__name__", None):
            found += _functions(value)
        elif hasattr(value, "__code__"):
            found.append(value)
    return found


def leave_out(torch: Any, wrapped: Any = None) -> None:
    """Mark one wrapper of ours, or all functions that we have loaded."""
    mark = _marker(torch)
    if mark is None:
        return
    if wrapped is not None:
        mark(wrapped.__code__)
        return
    package = __name__.rpartition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.startswith(package):
            for function in _functions(module):
                if function.__module__.startswith(package):
                    for code in _codes(function.__code__):
                        mark(code)
