"""Record waits for locks that processes share: multiprocessing's Lock and RLock, flock and lockf.

Each is tried without blocking first, so that a free lock costs one call more and a wait is seen from its
start. Who holds it is known where it is a thread of this process. A lock is the same in every process that
notes it with the same `shared`.
"""

import errno
import os
import sys
from _thread import get_ident

from . import lock_waits

_BLOCKED = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)
_files = {}


class _Watched:
    """What `lock_waits.wait` asks of a lock."""

    __slots__ = ("_lock_kind", "shared", "name", "owner", "count", "_made", "_number", "_waiters")

    def __init__(self, lock_kind, shared, made):
        self._lock_kind, self.shared, self._made = lock_kind, shared, made
        self.name, self.owner, self.count = None, -1, None
        self._number, self._waiters = next(lock_waits.numbers), None

    def _holder(self):
        return self.owner if self.count is not None and self.count() > 0 else -1


def _watch(lock, made):
    """Give a multiprocessing lock an `acquire` that records its waits."""
    raw = lock._semlock
    # A forked child finds an unnamed semaphore where its parent has it.
    shared = raw.name or f"{os.getpid()}-{raw.handle:x}"
    watched = lock._throughput = _Watched("process lock", shared, made)
    watched.count = raw._count
    if made is not None:
        lock_waits.note_lock(watched)
    try_to, wait = raw.acquire, lock_waits.wait

    def acquire(block=True, timeout=None):
        if try_to(False):
            watched.owner = get_ident()
            return True
        if not block:
            return False
        got = wait(lambda: try_to(True, timeout), watched)
        if got:
            watched.owner = get_ident()
        return got

    lock.acquire = acquire


def install():
    """Patch multiprocessing's Lock and RLock, once."""
    from multiprocessing import synchronize

    kinds = (synchronize.Lock, synchronize.RLock)
    if "__enter__" in synchronize.Lock.__dict__:
        return
    for kind in kinds:
        _patch(kind, kind.__init__, kind.__setstate__, kind.__enter__)


def _patch(kind, init, set_state, enter):
    def __init__(self, *args, **kwargs):
        init(self, *args, **kwargs)
        try:
            _watch(self, lock_waits.made_at(sys._getframe(1)))
        except Exception:
            pass

    def __setstate__(self, state):
        set_state(self, state)
        try:
            _watch(self, None)
        except Exception:
            pass

    def __enter__(self):
        return self.acquire() if "_throughput" in self.__dict__ else enter(self)

    kind.__init__, kind.__setstate__, kind.__enter__ = __init__, __setstate__, __enter__


def _file_lock(fd):
    fd = fd if isinstance(fd, int) else fd.fileno()
    status = os.fstat(fd)
    key = f"{status.st_dev}:{status.st_ino}"
    watched = _files.get(key)
    if watched is None:
        watched = _Watched("file lock", key, None)
        watched.name = os.readlink(f"/proc/self/fd/{fd}")
        watched = _files.setdefault(key, watched)
    return watched


def _recording(raw, now_or_never):
    """Return flock or lockf that records its waits; `now_or_never` is LOCK_NB with LOCK_UN."""
    from fcntl import LOCK_NB
    from functools import wraps

    @wraps(raw)
    def lock(fd, operation, *args):
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


def install_file_locks():
    """Patch `fcntl.flock` and `fcntl.lockf`, once."""
    import fcntl

    if hasattr(fcntl.flock, "__wrapped__"):
        return
    for name in ("flock", "lockf"):
        setattr(fcntl, name, _recording(getattr(fcntl, name), fcntl.LOCK_NB | fcntl.LOCK_UN))
