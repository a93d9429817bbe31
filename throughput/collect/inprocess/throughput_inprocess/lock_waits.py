"""Record waits for locks: who waited, who held it, both stacks. Takes no lock itself and never raises.

A lock is noted at its first contended wait: {"kind": "lock", "id", "lock_kind", "made_file", "made_line",
"made_function"}, where known with "name" (the reader finds the others in the source) and with "shared": the
same text in two processes is the same lock. A wait that lasts long is noted while it lasts: {"kind":
"long_wait", "thread", "lock", "holder" (-1 unknown)}, and {"kind": "wait_over", "thread", "lock"} at its end.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from _thread import get_ident
from time import monotonic_ns

from .recorder import LOCK_WAIT, recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import CodeType, FrameType
    from typing import Any, TypeVar

    Made = tuple[CodeType, int, type | None]
    """What makes a lock: code, instruction, and the dataclass that does it for a field."""
    Got = TypeVar("Got")

WORTH_NS = 20_000
"""Handing a free lock to the next thread takes up to about this long: a shorter wait is nobody's fault."""
FRAMES = 64
"""As deep as the recorder keeps stacks."""
STACKS = 50_000
"""More distinct stacks than any training loop has; a program that makes code as it goes starts anew here."""
LONG_S = 1.0
"""A wait that has lasted so long may never end, and then nobody would hear of it."""
WAITING_ROWS = 4096
"""With more rows than this (256 kB) they are written at once: not every process has steps to do it at."""

numbers = itertools.count()
_stacks: dict[tuple[int, ...], int] = {}
_noted: set[int] = set()
_HERE = os.path.dirname(os.path.abspath(__file__))
_STDLIB = os.path.dirname(os.path.abspath(threading.__file__)) + os.sep
_INSTALLED = ("site-packages", "dist-packages")


class _Lookup(dict[str, bool]):
    """Answers by file name, computed once."""

    def __init__(self, answer: Callable[[str], bool]) -> None:
        self.answer = answer

    def __missing__(self, file: str) -> bool:
        answer = self[file] = self.answer(file)
        return answer


def _is_between(file: str) -> bool:
    """Return whether code of this file makes locks on behalf of its caller (the standard library does)."""
    if file.startswith(("<frozen", "<string>")):
        return True
    return file.startswith(_STDLIB) and not any(part in file for part in _INSTALLED)


_between = _Lookup(_is_between)
_ours = _Lookup(lambda file: os.path.dirname(os.path.abspath(file)) == _HERE)


def made_at(frame: FrameType) -> Made:
    """Return (code, instruction, owner's class) of the line that makes a lock; cheap, read at its first wait.

    That is the innermost line outside the standard library, and the frame's own where all is the library's
    or the library makes it while it is imported.
    """
    code = frame.f_code
    if not _between[code.co_filename]:
        return code, frame.f_lasti, None
    first: Made = (code, frame.f_lasti, None)
    owner: type | None = None
    outer: FrameType | None = frame
    while outer is not None and _between[outer.f_code.co_filename]:
        code = outer.f_code
        if code.co_filename == "<string>" and code.co_name == "__init__":  # written by dataclasses
            owner = type(outer.f_locals.get("self"))
        if code.co_name == "<module>" or code.co_filename.startswith("<frozen importlib"):
            return first
        outer = outer.f_back
    return first if outer is None else (outer.f_code, outer.f_lasti, owner)


def _line(code: CodeType, instruction: int) -> int:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def _field(owner: type, factories: Container[Any]) -> str | None:
    """Return the name of a dataclass's only field that is made by one of the factories, else None."""
    fields = getattr(owner, "__dataclass_fields__", {}).values()
    made = [field.name for field in fields if field.default_factory in factories]
    return made[0] if len(made) == 1 else None


def _field_place(owner: type, name: str) -> tuple[str, int] | None:
    """Return (file, line) where a class annotates a field, else None."""
    import linecache

    file: str = getattr(sys.modules.get(owner.__module__), "__file__", None) or ""
    inside = False
    for number, text in enumerate(linecache.getlines(file), 1):
        words = text.replace(":", " : ").replace("(", " ( ").split()
        if words[:1] == ["class"]:
            inside = words[1:2] == [owner.__name__]
        elif inside and words[:2] == [name, ":"]:
            return file, number
    return None


def note_lock(lock: Any) -> None:
    """Note a lock (`_number`, `_made`, `_lock_kind`, perhaps `name` and `shared`), once in each process."""
    if lock._number in _noted:
        return
    _noted.add(lock._number)
    more = {key: value for key in ("name", "shared") if (value := getattr(lock, key, None)) is not None}
    recorder.note("lock", id=lock._number, lock_kind=lock._lock_kind, **{**_place(lock._made), **more})


def _place(made: Made | None) -> dict[str, Any]:
    if made is None:
        return {"made_file": None, "made_line": 0, "made_function": ""}
    code, instruction, owner = made
    function = getattr(code, "co_qualname", code.co_name)
    place = {"made_file": code.co_filename, "made_line": _line(code, instruction), "made_function": function}
    field = None if owner is None else _field(owner, (threading.Lock, threading.RLock))
    if owner is not None and field:
        place["name"] = f"{owner.__qualname__}.{field}"
        found = _field_place(owner, field)
        if found is not None:
            place.update(made_file=found[0], made_line=found[1], made_function=owner.__qualname__)
    return place


def stack_number(frame: FrameType | None) -> int:
    """Return the recorder's number of a stack, without our own innermost frames; cheap when seen before."""
    while frame is not None and _ours[frame.f_code.co_filename]:
        frame = frame.f_back
    words: list[int] = []
    add, inner, depth = words.append, frame, 0
    while frame is not None and depth < FRAMES:
        add(id(frame.f_code))  # alive as long as the recorder knows the stack
        add(frame.f_lasti)
        frame = frame.f_back
        depth += 1
    key = tuple(words)
    number = _stacks.get(key)
    if number is None:
        if len(_stacks) >= STACKS:
            _stacks.clear()
        number = _stacks[key] = recorder.stack_id(inner)
    return number


def wait(acquire: Callable[[], Got], lock: Any) -> Got:
    """Call `acquire`, which will block, and record how long it took; return what it returned.

    `lock` has `_holder()` (a thread's ident, -1 unknown), `_waiters` (None at first) and what is noted of it.
    """
    start, seen, waiters = monotonic_ns(), None, None
    try:
        me = get_ident()
        waiters = lock._waiters
        if waiters is None:
            waiters = lock._waiters = []
        holder = lock._holder()
        waiters.append(me)
        if holder != me:  # else it is a signal, given by whoever releases: nobody holds it against us
            seen = _observe(me, holder, lock)
    except Exception:
        seen = None
    try:
        got = acquire()
    finally:
        if waiters and me in waiters:
            waiters.remove(me)
    if seen is not None:
        end = monotonic_ns()
        if end - start >= WORTH_NS:
            recorder.rows.append((LOCK_WAIT, me, start, end, lock._number, *seen))
    return got


def patiently(acquire: Callable[[bool, Any], Got], timeout: float | None, lock: Any) -> Got:
    """Acquire as `acquire(True, timeout)` does (None or -1: for ever), and note a wait that lasts long."""
    is_endless = timeout is None or timeout < 0
    if recorder.folder is None or not (is_endless or timeout > LONG_S):  # type: ignore[operator]
        return acquire(True, timeout)
    got = acquire(True, LONG_S)
    if got:
        return got
    me = get_ident()
    _note_long(me, lock)
    try:
        return acquire(True, timeout if is_endless else timeout - LONG_S)  # type: ignore[operator]
    finally:
        recorder.note("wait_over", thread=me, lock=lock._number)


def _note_long(me: int, lock: Any) -> None:
    try:
        holder = lock._holder()
        note_lock(lock)
        for thread in (me, holder):
            if thread != -1:
                recorder.know_thread(thread)
        recorder.note("long_wait", thread=me, lock=lock._number, holder=holder)
    except Exception:
        pass


def _observe(me: int, holder: int, lock: Any) -> tuple[int, int, int]:
    """Return (holder, holder's stack, waiter's stack) as of now; names what is new before anybody waits."""
    holders_stack = -1
    if holder != -1:
        holders_stack = stack_number(sys._current_frames().get(holder))
        if holders_stack == -1:
            holder = -1  # it has ended without releasing
        else:
            recorder.know_thread(holder)
    waiters_stack = stack_number(sys._getframe(2))
    recorder.know_thread(me)
    if lock._number not in _noted:
        note_lock(lock)
    if len(recorder.rows) > WAITING_ROWS:
        _make_room()
    return holder, holders_stack, waiters_stack


def _make_room() -> None:
    if recorder.folder is not None:
        recorder.flush()
    else:
        recorder.rows.popleft()


def forget() -> None:
    """Start anew in a forked child: its notes go into a file of its own."""
    _stacks.clear()
    _noted.clear()
