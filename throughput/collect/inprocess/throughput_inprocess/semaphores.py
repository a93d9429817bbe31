"""Record waits for a semaphore that other threads hold, as they hold a lock.

A semaphore that is released by threads which did not acquire it passes work on: waiting for it is waiting for
that work and is not recorded. The same goes for one that nobody is known to hold.
"""

from __future__ import annotations

import threading
from _thread import get_ident

from . import lock_waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Watched:
    """What `lock_waits.wait` asks of a lock; its holders are in the order in which they came."""

    __slots__ = ("holders", "is_signal", "_made", "_number", "_waiters")
    _lock_kind = "Semaphore"

    def __init__(self, made: lock_waits.Made | None) -> None:
        self.holders: list[int] = []
        self.is_signal = False
        self._made, self._number = made, next(lock_waits.numbers)
        self._waiters: list[int] | None = None

    def _holder(self) -> int:
        return get_ident() if self.is_signal or not self.holders else self.holders[0]

    def release(self) -> None:
        """Note that this thread releases it once."""
        try:
            self.holders.remove(get_ident())
        except ValueError:
            self.is_signal = True
            self.holders.clear()


def _watched(semaphore: Any) -> _Watched:
    found: _Watched | None = semaphore.__dict__.get("_throughput")
    if found is None:
        made = getattr(semaphore._cond._lock, "_made", None)
        found = semaphore.__dict__.setdefault("_throughput", _Watched(made))
    return found


def _acquiring(raw: Callable[..., bool]) -> Callable[..., bool]:
    def acquire(self: Any, blocking: bool = True, timeout: float | None = None) -> bool:
        """Acquire as it does without us."""
        watched = _watched(self)
        if self._value > 0 or not blocking:
            got = raw(self, blocking, timeout)
        else:
            got = lock_waits.wait(lambda: raw(self, blocking, timeout), watched)
        if got and not watched.is_signal:
            watched.holders.append(get_ident())
        return got

    return acquire


def _releasing(raw: Callable[..., None]) -> Callable[..., None]:
    def release(self: Any, n: int = 1) -> None:
        """Release as it does without us."""
        raw(self, n)
        watched = _watched(self)
        for _ in range(n):
            watched.release()

    return release


def install() -> None:
    """Patch `threading.Semaphore`, and its bounded kind, which has a release of its own; once."""
    kind: Any = threading.Semaphore
    if kind.acquire.__module__ == __name__:
        return
    kind.acquire = kind.__enter__ = _acquiring(kind.acquire)
    kind.release = _releasing(kind.release)
    bounded: Any = threading.BoundedSemaphore
    bounded.release = _releasing(bounded.release)
