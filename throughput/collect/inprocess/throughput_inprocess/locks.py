"""Stand in for `threading.Lock` and `threading.RLock`, and record each wait for one that another holds.

What is built on them (Condition, Event, Queue) follows. Waiting inside `Condition.wait` goes through locks
that threading makes of its own and is not recorded: it is waiting for work, not for a lock. So is waiting
for a semaphore, unless it is used as a lock is (see `semaphores`).
Escapes: locks made before, `_thread.allocate_lock`, SimpleQueue, locks of C code.
"""

from __future__ import annotations

import os
import sys
import threading
from _thread import LockType, get_ident
from _thread import RLock as RLockType

from . import lock_waits, semaphores

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Kind(type):
    """Makes `isinstance(lock, threading.Lock)` hold for locks made before us too, as Python 3.13 has it."""

    _raw_type: Any

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls._raw_type)


class _Base(metaclass=_Kind):
    """What both stand-ins share: everything that is not acquiring goes to the lock underneath."""

    __slots__ = ("_raw", "_try", "_made", "_number", "_waiters", "__weakref__")
    _raw_type: Any = ()
    _raw: Any
    _try: Callable[..., bool]
    _made: lock_waits.Made | None
    _number: int
    _waiters: list[int] | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def __repr__(self) -> str:
        return repr(self._raw)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _reduce(self._raw, sys._getframe(1).f_locals.get("self"), protocol)

    @property  # type: ignore[misc]  # where `object` has a settable one; nobody turns a lock into something else
    def __class__(self) -> Any:
        return type(self._raw)

    def _wait(self, timeout: float) -> bool:
        return lock_waits.wait(lambda: lock_waits.patiently(self._try, timeout, self), self)

    def _next(self) -> int:
        """Return who has it when nobody says so: the one it was released to, still waiting for the GIL."""
        return next(iter(self._waiters or ()), -1)


class _Reduced:
    """Takes what a pickler's own function for a type would save."""

    parts: tuple[Any, ...]

    def save_reduce(self, *parts: Any, **_: Any) -> None:
        """Take it."""
        self.parts = parts


def _reduce(raw: Any, pickler: object, protocol: Any) -> Any:
    """Pickle as the raw lock: a TypeError, unless the pickler has its own way with locks, as dill has."""
    dispatch = getattr(pickler, "dispatch", None)
    save = dispatch.get(type(raw)) if isinstance(dispatch, dict) else None
    if save is None:
        return raw.__reduce_ex__(protocol)
    reduced = _Reduced()
    save(reduced, raw)
    return reduced.parts


class _OwnedLock(_Base):
    __slots__ = ("_owner", "_release", "locked")
    _owner: int
    _release: Callable[[], None]
    locked: Callable[[], bool]
    _raw_type = LockType
    _lock_kind = "Lock"

    def _wait(self, timeout: float) -> bool:
        got = _Base._wait(self, timeout)
        if got:
            self._owner = get_ident()
        return got

    def _holder(self) -> int:
        return self._owner if self._owner != -1 else self._next()


# What runs at every acquire keeps its names in cells, so that it works while the interpreter shuts down;
# a slot that holds the raw lock's own method (`release` of an RLock) costs nothing.


def _lock_class(make: Callable[[], Any]) -> type:
    ident, made_at, get_frame, numbers = get_ident, lock_waits.made_at, sys._getframe, lock_waits.numbers

    class Lock(_OwnedLock):
        """A lock that remembers who holds it."""

        __slots__ = ()

        def __init__(self) -> None:
            raw = self._raw = make()
            self._try, self._release, self.locked = raw.acquire, raw.release, raw.locked
            self._owner, self._number, self._waiters = -1, next(numbers), None
            self._made = made_at(get_frame(1))

        def __enter__(self) -> bool:
            if self._try(False):
                self._owner = ident()
                return True
            return self._wait(-1)

        def __exit__(self, *raised: object) -> None:
            self._owner = -1
            self._release()

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            """Acquire as the lock underneath does."""
            if timeout != -1 and not _is_timeout(blocking, timeout):
                return self._try(blocking, timeout)  # raises what it has to
            if self._try(False):
                self._owner = ident()
                return True
            return self._wait(timeout) if blocking else False

        def release(self) -> None:
            """Release as the lock underneath does."""
            self._owner = -1
            self._release()

        acquire_lock, release_lock = acquire, release

    return _named(Lock)


def _rlock_class(make: Callable[..., Any]) -> type:
    made_at, get_frame, numbers = lock_waits.made_at, sys._getframe, lock_waits.numbers

    class RLock(_Base):
        """A recursive lock; the lock underneath knows who holds it."""

        __slots__ = ("release",)
        release: Callable[[], None]
        _raw_type = RLockType
        _lock_kind = "RLock"

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raw = self._raw = make(*args, **kwargs)
            self._try, self.release = raw.acquire, raw.release
            self._number, self._waiters = next(numbers), None
            self._made = made_at(get_frame(1))

        def __enter__(self) -> bool:
            return self._try(False) or self._wait(-1)

        def __exit__(self, *raised: object) -> None:
            self.release()

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            """Acquire as the lock underneath does."""
            if timeout != -1 and not _is_timeout(blocking, timeout):
                return self._try(blocking, timeout)  # raises what it has to
            if self._try(False):
                return True
            return self._wait(timeout) if blocking else False

        def _acquire_restore(self, state: Any) -> None:
            self.acquire()
            for _ in range(state[0] - 1):
                self._try()

        def _holder(self) -> int:
            words = repr(self._raw).partition("owner=")[2].split()
            return (int(words[0]) if words else 0) or self._next()

    return _named(RLock)


def _is_timeout(blocking: bool, timeout: float) -> bool:
    return bool(blocking) and 0 <= timeout <= threading.TIMEOUT_MAX


def _named(kind: type) -> type:
    """Give a class the name by which pickle finds whatever stands there in the other process."""
    kind.__module__, kind.__qualname__ = "threading", kind.__name__
    return kind


def install() -> None:
    """Replace the factories in `threading`, once."""
    if isinstance(threading.Lock, _Kind):
        return
    factories: Any = threading
    factories.Lock = _lock_class(threading.Lock)
    factories.RLock = _rlock_class(threading.RLock)
    semaphores.install()
    os.register_at_fork(after_in_child=lock_waits.forget)


def install_process_locks() -> None:
    """Record waits for the locks of multiprocessing as well."""
    from . import process_locks

    process_locks.install()


def install_file_locks() -> None:
    """Record waits for `fcntl.flock` and `fcntl.lockf` as well."""
    from . import process_locks

    process_locks.install_file_locks()
