"""Record waits for locks that processes share: multiprocessing's Lock and RLock, flock and lockf.

Each is tried without blocking first, so that a free lock costs one call more and a wait is seen from its
start. Who holds it is known where it is a thread of this process. A lock is the same in every process that
notes it with the same `shared`.
"""

from __future__ import annotations

import errno
import os
import sys
from _thread import get_ident

from . import lock_waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_BLOCKED = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)
_files: dict[str, _Watched] = {}


class _Watched:
    """What `lock_waits.wait` asks of a lock."""

    __slots__ = ("_lock_kind", "shared", "name", "owner", "count", "_made", "_number", "_waiters")

    def __init__(self, lock_kind: str, shared: str, made: lock_waits.Made | None) -> None:
        self._lock_kind, self.shared, self._made = lock_kind, shared, made
        self.name: str | None = None
        self.owner = -1
        self.count: Callable[[], int] | None = None
        self._number = next(lock_waits.numbers)
        self._waiters: list[int] | None = None

    def _holder(self) -> int:
        return self.owner if self.count is not None and self.count() > 0 else -1


def _watch(lock: Any, made: lock_waits.Made | None) -> None:
    """Give a multiprocessing lock an `acquire` that records its waits."""
    raw = lock._semlock
    # A forked child finds an unnamed semaphore where its parent has it.
    shared = raw.name or f"{os.getpid()}-{raw.handle:x}"
    watched = lock._throughput = _Watched("process lock", shared, made)
    watched.count = raw._count
    if made is not None:
        lock_waits.note_lock(watched)
    try_to: Callable[..., bool] = raw.acquire
    wait, patiently = lock_waits.wait, lock_waits.patiently

    def acquire(block: bool = True, timeout: float | None = None) -> bool:
        if try_to(False):
            watched.owner = get_ident()
            return True
        if not block:
            return False
        got = wait(lambda: patiently(try_to, timeout, watched), watched)
        if got:
            watched.owner = get_ident()
        return got

    lock.acquire = acquire


def install() -> None:
    """Patch multiprocessing's Lock and RLock, once."""
    from multiprocessing import synchronize

    kinds: tuple[Any, ...] = (synchronize.Lock, synchronize.RLock)
    if "__enter__" in synchronize.Lock.__dict__:
        return
    for kind in kinds:
        _patch(kind, kind.__init__, kind.__setstate__, kind.__enter__)


def _patch(
    kind: Any, init: Callable[..., None], set_state: Callable[..., None], enter: Callable[..., bool]
) -> None:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        try:
            _watch(self, lock_waits.made_at(sys._getframe(1)))
        except Exception:
            pass

    def __setstate__(self: Any, state: Any) -> None:
        set_state(self, state)
        try:
            _watch(self, None)
        except Exception:
            pass

    def __enter__(self: Any) -> bool:
        return self.acquire() if "_throughput" in self.__dict__ else enter(self)

    kind.__init__, kind.__setstate__, kind.__enter__ = __init__, __setstate__, __enter__


def _file_lock(file: Any) -> _Watched:
    fd: int = file if isinstance(file, int) else file.fileno()
    status = os.fstat(fd)
    key = f"{status.st_dev}:{status.st_ino}"
    watched = _files.get(key)
    if watched is None:
        watched = _Watched("file lock", key, None)
        watched.name = os.readlink(f"/proc/self/fd/{fd}")
        watched = _files.setdefault(key, watched)
    return watched


def _recording(raw: Callable[..., Any], now_or_never: int) -> Callable[..., Any]:
    """Return flock or lockf that records its waits; `now_or_never` is LOCK_NB with LOCK_UN."""
    from fcntl import LOCK_NB
    from functools import wraps

    @wraps(raw)
    def lock(fd: Any, operation: int, *args: Any) -> Any:
        if operation & now_or_never:
            return raw(fd, operation, *args)
        try:
            return raw(fd, operation | LOCK_NB, *args)
        except OSError as error:
            if error.errno not in _BLOCKED:
                raise
        try:
            watched = _file_lock(fd)
        except Exception:
            return raw(fd, operation, *args)
        return lock_waits.wait(lambda: raw(fd, operation, *args), watched)

    return lock


def install_file_locks() -> None:
    """Patch `fcntl.flock` and `fcntl.lockf`, once."""
    import fcntl

    if hasattr(fcntl.flock, "__wrapped__"):
        return
    for name in ("flock", "lockf"):
        setattr(fcntl, name, _recording(getattr(fcntl, name), fcntl.LOCK_NB | fcntl.LOCK_UN))
