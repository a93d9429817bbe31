"""Read `events-<pid>.i64` and `steps-<pid>.i64`: rows of eight int64, by kind (see their writer)."""

from __future__ import annotations

from enum import IntEnum
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from throughput.errors import DamagedFile

ROW = 8
LIMIT_BYTES = 2_000_000_000
LATEST_NS = 1 << 58
"""Nine years of uptime: a later row was not written by us, and sums of such times would overflow."""


class Kind(IntEnum):
    """What a row is; see `recorder` for its fields."""

    SEGMENT = 1
    STEP = 2
    BATCH_ASKED = 3
    BATCH_ARRIVED = 4
    BATCH_TAKEN = 5
    BATCH_MADE = 6
    LOCK_WAIT = 7
    PAUSE = 8
    STACK_SAMPLE = 9
    ITERATOR = 10
    RESUME = 11
    SPAN = 12
    SLOW_SAMPLE = 13
    BATCH_TOKENS = 20


class Events:
    """The rows of one process."""

    def __init__(self, rows: npt.NDArray[np.int64]) -> None:
        self.rows = rows

    def of(self, kind: Kind) -> npt.NDArray[np.int64]:
        """Return the rows of one kind, without the kind: thread, t0, t1, a, b, c, d; shape (n, 7)."""
        found: npt.NDArray[np.int64] = self.rows[self.rows[:, 0] == kind][:, 1:]
        return found

    def joined(self, more: Events) -> Events:
        """Return these rows and others of the same process, in the order of their times."""
        rows = np.concatenate([self.rows, more.rows])
        return Events(rows[np.argsort(rows[:, 2], kind="stable")])


def read_events(file: BinaryIO, name: str = "events") -> Events:
    """Return the rows of a file; a cut-off last row is left out.

    Raises:
        DamagedFile: larger than any honest run's, or rows of unknown kinds only.
    """
    data = file.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        raise DamagedFile(f"{name} is too large.", hint="Profile fewer steps.")
    whole = len(data) // (8 * ROW) * ROW
    rows = np.frombuffer(data, dtype="<i8", count=whole).astype(np.int64).reshape(-1, ROW)
    known = (rows[:, 0] >= min(Kind)) & (rows[:, 0] <= max(Kind))
    known &= ((rows[:, 2:4] >= -1) & (rows[:, 2:4] < LATEST_NS)).all(axis=1)
    if rows.any() and not known.any():
        raise DamagedFile(f"{name} holds no row that this version knows.", hint="Profile again.")
    return Events(rows[known])
