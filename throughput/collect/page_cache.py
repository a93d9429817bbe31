"""Drop files from the page cache, and say how much of them was there; needs no rights but to read them."""

from __future__ import annotations

import ctypes
import ctypes.util
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass

from throughput.errors import UsageError

LOOKED_BYTES = 8_000_000_000
"""Of larger files the first so many bytes are asked for: the kernel walks its pages one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What was dropped; the shares of it that were in memory before and after, None where not known."""

    files: int
    size_bytes: int
    before: float | None
    after: float | None


def drop_from_cache(files: Iterable[str]) -> Dropped:
    """Drop files from the page cache.

    What another process has mapped stays, and so do pages that are not written yet, which are written first.

    Raises:
        UsageError: this system can't do it.
    """
    if not hasattr(os, "posix_fadvise"):
        raise UsageError("This system can't drop files from its cache.", hint="--cold needs Linux.")
    counts, sizes = [0, 0], [0, 0]
    number = size = 0
    for path in files:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # gone, or not ours to read
            continue
        try:
            length = os.fstat(descriptor).st_size
            looks = sizes[0] + length <= LOOKED_BYTES
            counts[0] += _resident(descriptor, length) if looks else 0
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            counts[1] += _resident(descriptor, length) if looks else 0
            sizes[0] += length if looks else 0
        except OSError:  # a file system without it
            continue
        finally:
            os.close(descriptor)
        number, size = number + 1, size + length
    before, after = (min(1.0, count / sizes[0]) if sizes[0] else None for count in counts)
    return Dropped(files=number, size_bytes=size, before=before, after=after)


def _resident(descriptor: int, length: int) -> int:
    """Return how many bytes of a file are in the page cache."""
    if not length:
        return 0
    pages = -(-length // mmap.PAGESIZE)
    states = (ctypes.c_ubyte * pages)()
    # Private and writable, so that its address can be had; nothing is ever written to it.
    rights = mmap.PROT_READ | mmap.PROT_WRITE
    with mmap.mmap(descriptor, length, flags=mmap.MAP_PRIVATE, prot=rights) as mapped:
        start = (ctypes.c_char * length).from_buffer(mapped)
        address = ctypes.c_void_p(ctypes.addressof(start))
        failed = ctypes.CDLL(None, use_errno=True).mincore(address, ctypes.c_size_t(length), states)
        del start  # else the mapping can't be closed
    if failed:
        raise OSError(ctypes.get_errno(), "mincore")
    return min(length, sum(state & 1 for state in bytes(states)) * mmap.PAGESIZE)
