"""Read `syscalls-<pid>.i64`: what threads were blocked on (documented in `collect/syscalls.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from throughput.errors import DamagedFile
from throughput.model.timeline import KINDS, Ints

ROW = 6
LIMIT_BYTES = 1 << 29
"""An hour of 256 threads; what a run this long says, its first part says too."""
LATEST_NS = 1 << 62
"""Later than any clock: such a row was not written by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBlocked:
    """Columns of equal length, in time order."""

    time_ns: Ints
    pid: Ints
    native_id: Ints
    kind: Ints
    address: Ints
    weight_ns: Ints


def read_syscalls(file: BinaryIO) -> RawBlocked:
    """Return the rows of a file; a cut-off last row is left out.

    Raises:
        DamagedFile: it holds nothing but rows that no sampler writes.
    """
    data = file.read(LIMIT_BYTES)
    count = len(data) // (8 * ROW)
    rows = np.frombuffer(data, dtype="<i8", count=count * ROW).astype(np.int64).reshape(-1, ROW)
    time, pid, tid, kind, address, weight = rows.T
    sound = (time > 0) & (time < LATEST_NS) & (pid > 0) & (tid > 0) & (address >= 0)
    sound &= (kind >= 0) & (kind < len(KINDS)) & (weight >= 0) & (weight <= time)
    if count and not sound.any():
        raise DamagedFile(
            "A file of system calls holds no row that makes sense.", hint="Profile the run again."
        )
    rows = rows[sound]
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    return RawBlocked(
        time_ns=rows[:, 0],
        pid=rows[:, 1],
        native_id=rows[:, 2],
        kind=rows[:, 3],
        address=rows[:, 4],
        weight_ns=rows[:, 5],
    )
