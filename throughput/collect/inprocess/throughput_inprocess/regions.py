"""Note which range a thread is in: record_function's, NVTX's, those of frameworks and of `throughput.region`.

A range ends the running segment of its thread, and the segments inside carry its number (0: none). A number
stands for a path of names, the outermost first; a note of kind "region" says which.
"""

from __future__ import annotations

import functools
import re
import sys

from .clock import clock
from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .clock import PhaseClock

    Call = Callable[..., Any]

NOT_THEIRS = (
    "Optimizer.",
    "enumerate(",
    "throughput.",
    "ProfilerStep",
    "DistributedDataParallel.",
    "Torch",
    "## ",
    "CompiledFunction",
    "autograd::",
    "torch::",
)
"""How names begin that torch, or we, give to ranges: timers tell those already."""
NUMBERS_MAX, DEPTH_MAX = 200, 8
"""What is beyond counts for the range around it."""
ALIKE_MAX = 12
"""Names that differ in their numbers alone ("layer 3"); of more ("step 317") later ones are one region."""

_numbers: dict[tuple[str, ...], int] = {}
_judged: dict[Any, bool] = {}
"""Name of a range -> whether it is the script's own."""
JUDGED_MAX = 1_000
_alike: dict[str, set[str]] = {}
"""Name without its numbers -> the names that were seen of it, up to `ALIKE_MAX`."""
_digits = re.compile(r"\d+")
NVTX = object()
"""Whose ranges are those that NVTX pushes: it pops the last one."""


def _number(path: tuple[str, ...]) -> int:
    """Return the number of a path of names, noting it the first time; -1 where there are too many."""
    number = _numbers.get(path)
    if number is None:
        if len(_numbers) >= NUMBERS_MAX or len(path) > DEPTH_MAX:
            return -1
        number = _numbers[path] = len(_numbers) + 1
        recorder.note("region", id=number, names=list(path))
    return number


def enter(owner: Any, name: str) -> None:
    """Begin a range of this thread."""
    clk = clock()
    clk.edge()
    _add(clk, id(owner), name)


def _add(clk: PhaseClock, owner: int, name: str) -> None:
    above = clk.regions[-1][1] if clk.regions else ()
    path = (*above, _without_its_number(name) if _digits.search(name) else name)
    number = _number(path)
    if number < 0:
        path, number = above, clk.region
    clk.regions.append((owner, path, name))
    clk.region = number


def _without_its_number(name: str) -> str:
    """Return a name with `#` for its numbers where many differ in these alone."""
    pattern = _digits.sub("#", name)
    if pattern not in _alike and len(_alike) >= JUDGED_MAX:
        return pattern  # whatever names are made of, we keep no more of them
    seen = _alike.setdefault(pattern, set())
    if name not in seen:
        if len(seen) >= ALIKE_MAX:
            return pattern
        seen.add(name)
    return name


def leave(owner: Any) -> None:
    """End a range; one that is not the innermost ends alone, those inside it stay."""
    clk = clock()
    stack = clk.regions
    at = next((n for n in range(len(stack) - 1, -1, -1) if stack[n][0] == id(owner)), -1)
    if at < 0:
        return
    clk.edge()
    inner = stack[at + 1 :]
    del stack[at:]
    clk.region = _number(stack[-1][1]) if stack and stack[-1][1] else 0
    for one, _, name in inner:
        _add(clk, one, name)


class Region:
    """What `throughput.region(name)` gives to a profiled script."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = str(name)

    def __enter__(self) -> Any:
        enter(self, self.name)
        return self

    def __exit__(self, *about: object) -> None:
        leave(self)


def wrap_enter(original: Call) -> Call:
    """Return record_function's `__enter__` that notes the range."""

    @functools.wraps(original)
    def __enter__(self: Any) -> Any:
        name = getattr(self, "name", None)
        if (_judged[name] if name in _judged else _is_theirs(name)) and not _is_compiling():
            enter(self, str(name))
        return original(self)

    return __enter__


def wrap_exit(original: Call) -> Call:
    """Return record_function's `__exit__` that notes its end."""

    @functools.wraps(original)
    def __exit__(self: Any, *about: Any) -> Any:
        result = original(self, *about)
        name = getattr(self, "name", None)
        if (_judged[name] if name in _judged else _is_theirs(name)) and not _is_compiling():
            leave(self)
        return result

    return __exit__


def wrap_push(original: Call) -> Call:
    """Return NVTX's `range_push` that notes the range."""

    @functools.wraps(original)
    def range_push(msg: Any) -> Any:
        result = original(msg)  # fails where torch was built without NVTX
        if not _is_compiling():
            enter(NVTX, str(msg))
        return result

    return range_push


def wrap_pop(original: Call) -> Call:
    """Return NVTX's `range_pop` that notes the end of the range that was pushed last."""

    @functools.wraps(original)
    def range_pop() -> Any:
        if not _is_compiling():
            leave(NVTX)
        return original()

    return range_pop


def named(original: Call) -> Call:
    """Return a framework's method as a range of its name; it is none inside a range that is called so."""
    name = original.__name__

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        path = clock().regions[-1][1] if clock().regions else ()
        if (path and path[-1].rpartition(".")[2] == name) or _is_compiling():
            return original(self, *args, **kwargs)
        owner = object()
        enter(owner, name)
        try:
            return original(self, *args, **kwargs)
        finally:
            leave(owner)

    return method


def _is_theirs(name: Any) -> bool:
    """Return whether a range of this name is the script's own."""
    found = type(name) is str and not name.startswith(NOT_THEIRS)
    if len(_judged) < JUDGED_MAX and type(name) is str:
        _judged[name] = found
    return found


def _is_compiling() -> bool:
    """Return whether torch's compiler traces this call."""
    compiler = getattr(sys.modules.get("torch"), "compiler", None)
    asked = getattr(compiler, "is_compiling", None)
    return bool(asked()) if asked is not None else False


def forget() -> None:
    """Number anew in a forked process, whose notes go into a file of its own."""
    _numbers.clear()
    _alike.clear()
