"""Time what a run does once or rarely: imports, data sets, models, evaluations, checkpoints, and ourselves.

Rows of kind SPAN. Imports and the making of data sets and models are cut into pieces of which each is the
innermost's alone. None of this runs within a usual step.
"""

from __future__ import annotations

import functools
import operator
import sys
from _thread import get_ident
from time import monotonic_ns

from .recorder import SPAN, recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    Call = Callable[..., Any]

IMPORTS, DATA_SET, MODEL, EVALUATION, CHECKPOINT, PROFILING = range(6)
"""What a span is of; the reader has the same table."""
STANDARD = "standard library"
OFTEN, STEPS_EACH = 20, 5
"""After so many evaluations with fewer than so many steps each, they are a part of the steps: not watched."""

after_import: list[Callable[[], None]] = []
"""Called when an outermost import is done."""
_open: list[list[Any]] = []
"""Part, number of the name, and whether it is yet to be counted; innermost last."""
_state: dict[str, Any] = {"main": get_ident(), "since": 0, "evaluating": 0, "place": -1, "seen": 0}
_names: dict[str, int] = {}


def _number(name: str) -> int:
    number = _names.get(name)
    if number is None:
        number = _names[name] = len(_names)
        recorder.note("name", id=number, name=name)
    return number


def _cut() -> None:
    """End the innermost span's piece now."""
    now, innermost = monotonic_ns(), _open[-1]
    part, name, is_new = innermost
    recorder.rows.append((SPAN, _state["main"], _state["since"], now, part, name, -1, int(is_new)))
    innermost[2], _state["since"] = False, now


def _enter(part: int, name: str) -> None:
    label = [part, _number(name)]
    is_new = not _open or _open[-1][:2] != label
    if not _open:
        _state["since"] = monotonic_ns()
    elif is_new:
        _cut()
    _open.append([*label, is_new])


def _leave() -> None:
    if not _open:  # forked within a span
        return
    if len(_open) < 2 or _open[-2][:2] != _open[-1][:2]:
        _cut()
    _open.pop()


def record(part: int, since: int, frame: FrameType | None = None, name: str = "") -> None:
    """Write a span that ends now, with the stack that began it or a name."""
    stack = -1 if frame is None else recorder.stack_id(frame)
    number = _number(name) if name else -1
    recorder.rows.append((SPAN, get_ident(), since, monotonic_ns(), part, number, stack, 1))


def watch_imports() -> None:
    """Time the main thread's imports by package; modules of the standard library count for who imports them.

    Python calls `_find_and_load` only for modules that are not loaded yet. The stand-in bears the name of
    importlib's file, so that Python leaves it out of tracebacks and warnings as it does importlib itself.
    """
    bootstrap: Any = sys.modules.get("_frozen_importlib")
    original = getattr(bootstrap, "_find_and_load", None)
    if original is None:
        return
    standard: Any = getattr(sys, "stdlib_module_names", frozenset())
    state, modules = _state, sys.modules

    def _find_and_load(name: Any, import_: Any) -> Any:
        if name in modules or get_ident() != state["main"]:
            return original(name, import_)
        package = name.partition(".")[0]
        if package in standard:
            if _open and _open[-1][0] == IMPORTS:
                return original(name, import_)
            package = STANDARD
        _enter(IMPORTS, package)
        try:
            return original(name, import_)
        finally:
            _leave()
            if not _open or _open[-1][0] != IMPORTS:
                _imported()

    _find_and_load.__code__ = _find_and_load.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    bootstrap._find_and_load = _find_and_load


def _imported() -> None:
    for call in after_import:
        try:
            call()
        except Exception:  # the script's import must not fail for it
            pass


class _Init:
    """A class's `__init__`, which times the making of an instance; whoever looks at it sees the function."""

    __slots__ = ("function", "part")

    def __init__(self, function: Any, part: int) -> None:
        self.function = function
        self.part = part

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self.function
        bound = self.function.__get__(instance, owner)
        kind = type(instance)
        inner = any(entry[0] == self.part for entry in _open) or get_ident() != _state["main"]
        if inner or self is not next(c.__dict__["__init__"] for c in kind.__mro__ if "__init__" in vars(c)):
            return bound  # of a base class, or within another one: no frame of ours in between
        return functools.partial(_make, self.part, kind.__qualname__, bound)

    def __reduce__(self) -> Any:
        return operator.getitem, ((self.function,), 0)  # a class that is pickled by value has the function


def _make(part: int, name: str, init: Call, /, *args: Any, **kwargs: Any) -> Any:
    _enter(part, name)
    try:
        return init(*args, **kwargs)
    finally:
        _leave()


def watch_classes(base: Any, part: int) -> None:
    """Time the making of instances of the classes that are derived from `base` from now on."""
    inherited = base.__dict__.get("__init_subclass__")

    def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:
        if inherited is not None:
            inherited.__get__(None, cls)(**kwargs)
        else:
            super(base, cls).__init_subclass__(**kwargs)
        function = cls.__dict__.get("__init__")
        if type(function) is type(_make):
            cls.__init__ = _Init(function, part)

    base.__init_subclass__ = classmethod(__init_subclass__)


def begin_evaluation(module: Any, frame: FrameType) -> None:
    """Take a model's change to evaluation mode; it lasts until a model is to train again."""
    state = _state
    if state["evaluating"] or get_ident() != state["main"] or _is_usual():
        return
    state["evaluating"], state["place"] = monotonic_ns(), recorder.stack_id(frame)
    before = module.train

    @functools.wraps(before)
    def train(self: Any, mode: bool = True) -> Any:
        if mode:
            end_evaluation()
            if module.train is train:
                module.train = before
        return before(self, mode)

    module.train = train


def _is_usual() -> bool:
    """Return whether evaluations come so often that they are a part of the steps."""
    control: Any = sys.modules.get(f"{__package__}.control")
    controller = control.controller if control is not None else None
    seen = _state["seen"]
    return bool(seen >= OFTEN and controller is not None and controller.number < STEPS_EACH * seen)


def end_evaluation() -> None:
    """Write the span of the evaluation that is under way, if there is one."""
    since, place = _state["evaluating"], _state["place"]
    if since:
        _state["evaluating"] = 0
        _state["seen"] += 1
        recorder.rows.append((SPAN, get_ident(), since, monotonic_ns(), EVALUATION, -1, place, 1))


def forget() -> None:
    """Start anew in a forked process."""
    _open.clear()
    _names.clear()
    _state.update(main=get_ident(), since=0, evaluating=0, seen=0)
