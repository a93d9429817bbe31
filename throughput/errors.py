"""Turn everything that can go wrong into one sentence, one hint and one exit code.

ThroughputError                 5  anything else, after saving what can be saved
|- UsageError                   2  usage, missing script, unwritable out directory
|- ScriptFailed                 3  the script raised, ended non-zero or never stepped
|- DamagedFile                  4  a saved file is damaged or of a newer schema
|- NotComparable                6  no such benchmark, or two runs that can't be compared
"""

from __future__ import annotations

import errno

EXIT_DONE = 0
EXIT_SLOWER = 1
"""Of `check` alone: slower, or with strict counts more or other work."""
EXIT_UNSURE = 7
"""Of `check` alone: can't tell."""
EXIT_INTERRUPTED = 130


class ThroughputError(Exception):
    """What went wrong in one sentence, and in `hint` what to do next; caught once, in `cli`."""

    exit_code = 5

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class UsageError(ThroughputError):
    """The command line, the script's path or the out directory can't be used."""

    exit_code = 2


class ScriptFailed(ThroughputError):
    """The profiled script raised, ended non-zero, or never took a step."""

    exit_code = 3


class DamagedFile(ThroughputError):
    """A saved file can't be read: damaged, cut off, or written by a newer version."""

    exit_code = 4


class NotComparable(ThroughputError):
    """Two results that can't be compared, or a benchmark that isn't there."""

    exit_code = 6


def no_room(error: OSError) -> bool:
    """Return whether a write failed for want of room: disk, quota, or the size of a file that is allowed."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def explain_no_room(error: OSError, lost: str) -> ThroughputError:
    """Return what to tell the user of a write that `no_room` stopped; `lost` says what became of the data."""
    if error.errno == errno.EFBIG:
        hint = "Raise the limit (ulimit -f), or choose a place without one."
        return ThroughputError(f"A file grew larger than this session may write: {lost}.", hint=hint)
    return ThroughputError(f"The disk is full: {lost}.", hint="Free some space, or choose another place.")


def said(error: BaseException) -> str:
    """Return what an error of others says, as one line without a full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
