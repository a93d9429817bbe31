"""Count bytes that cProfile can't: read while a batch is fetched, pickled by a worker for training.

Only while the cProfile block is on: what counts is put in place when it begins and taken away when it ends,
so that no clean step pays for it. Written as notes, the last of a name is the whole: {"kind": "amount",
"name", "times", "total", "least", "most"}, where `times` is how many batches were counted.
"""

from __future__ import annotations

import functools
import os
import sys
import threading

from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Call = Callable[..., Any]

READ, PICKLED = "bytes read", "bytes pickled by workers"

points: list[Callable[[Callable[[Call], Call] | None], None]] = []
"""Where a batch is fetched: called with what is to stand around the fetch itself, or None to take it away."""

_state = {"on": False, "fd": -1, "thread": 0}
_amounts: dict[str, list[int]] = {}
"""Name -> times, total, least, most."""


def begin() -> None:
    """Count what this process's threads read for batches that they fetch; once a block."""
    if _state["on"]:
        return
    _state["on"] = True
    _open_account()
    for put in points:
        put(_counted)


def end() -> None:
    """Count no more, and write what was counted."""
    if _state["on"]:
        _leave()
        note()


def note() -> None:
    """Write what was counted so far."""
    for name, (times, total, least, most) in list(_amounts.items()):
        recorder.note("amount", name=name, times=times, total=total, least=least, most=most)


def forget() -> None:
    """Start anew in a forked process: what was counted is the parent's."""
    _leave()
    _amounts.clear()


def count_pickles() -> None:
    """Let this worker's queues count what they send, until the block ends."""
    queues: Any = sys.modules.get("multiprocessing.queues")
    pickler = getattr(queues, "_ForkingPickler", None)
    if pickler is not None and not isinstance(pickler, _Pickler):
        queues._ForkingPickler = _Pickler(pickler)


def _leave() -> None:
    if not _state["on"]:
        return
    for put in points:
        put(None)
    queues: Any = sys.modules.get("multiprocessing.queues")
    pickler = getattr(queues, "_ForkingPickler", None)
    if isinstance(pickler, _Pickler):
        queues._ForkingPickler = pickler.original
    if _state["fd"] >= 0:
        os.close(_state["fd"])
    _state.update(on=False, fd=-1, thread=0)


def _add(name: str, value: int) -> None:
    times, total, least, most = _amounts.get(name, (0, 0, value, value))
    _amounts[name] = [times + 1, total + value, min(least, value), max(most, value)]


def _open_account() -> None:
    """Open the kernel's account of what this thread reads."""
    try:
        _state["fd"] = os.open("/proc/thread-self/io", os.O_RDONLY | os.O_CLOEXEC)
        _state["thread"] = threading.get_ident()
    except OSError:
        pass  # a kernel that keeps no accounts


def _account() -> tuple[int, int]:
    """Return the bytes that this thread has read, and how many this look adds to them; -1 where unknown."""
    if _state["fd"] < 0 or _state["thread"] != threading.get_ident():
        return -1, 0
    try:
        text = os.pread(_state["fd"], 512, 0)
        return int(text.split(None, 2)[1]), len(text)
    except (OSError, IndexError, ValueError):
        return -1, 0


def _counted(original: Call) -> Call:
    """Return a fetch that adds what it read."""

    @functools.wraps(original)
    def fetch(*args: Any) -> Any:
        before, look = _account()
        try:
            return original(*args)
        finally:
            read, _ = _account()
            if before >= 0 and before + look <= read:
                _add(READ, read - before - look)

    return fetch


class _Pickler:
    """multiprocessing's pickler, which counts what a worker sends: the number of a batch, and the batch."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def dumps(self, message: Any, *args: Any, **kwargs: Any) -> Any:
        packed = self.original.dumps(message, *args, **kwargs)
        if isinstance(message, tuple) and len(message) == 2 and isinstance(message[0], int):
            _add(PICKLED, len(packed))
        return packed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)
