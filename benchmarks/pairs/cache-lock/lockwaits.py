"""With the stopwatch on: what of the training thread's waiting was its batch's maker waiting for a lock.

Makers note when they asked for the lock and when they got it, and send that along with the batch.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from stopwatch import watch

Spans = list[tuple[int, int]]


class NotedLock:
    """A lock, or semaphore, whose waits each thread keeps."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.mine = threading.local()

    def __enter__(self) -> None:
        """Take the lock."""
        asked = time.perf_counter_ns()
        self.lock.acquire()
        self.mine.__dict__.setdefault("spans", []).append((asked, time.perf_counter_ns()))

    def __exit__(self, *exc: object) -> None:
        """Give the lock back."""
        self.lock.release()


def note_waits(owner: object, name: str) -> None:
    """Replace a lock attribute by one whose waits are kept."""
    if watch.out is not None:
        setattr(owner, name, NotedLock(getattr(owner, name)))


def take(lock: Any) -> Spans:
    """Return this thread's waits for a lock since it last took them."""
    spans: Spans = lock.mine.__dict__.pop("spans", []) if isinstance(lock, NotedLock) else []
    return spans


def charge(spans: Spans, since_ns: int) -> None:
    """Move to `lock_contention` what the maker's waits share with a wait of the training thread until now."""
    if watch.out is not None:
        now = time.perf_counter_ns()
        shared = sum(max(0, min(got, now) - max(asked, since_ns)) for asked, got in spans)
        watch.parts["data_loading"] -= shared
        watch.parts["lock_contention"] += shared
