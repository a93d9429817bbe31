"""A volume of seismograms on a slow mount, opened once and read by all worker processes."""

from __future__ import annotations

import ctypes
import multiprocessing
import time
from pathlib import Path

import lockwaits

MOUNT_S = 0.023
"""What the mount takes to bring a stretch; the file itself lies on a local disk here."""

forked = multiprocessing.get_context("fork")


class Volume:
    """Reads stretches of bytes, and keeps account of them for all processes together."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb", buffering=0)
        self.guard = forked.Lock()
        lockwaits.note_waits(self, "guard")
        self.bytes_read = forked.RawValue(ctypes.c_longlong, 0)

    def stretch(self, start: int, size: int) -> bytes:
        """Return a stretch of the file, whose position all processes share."""
        with self.guard:
            self.file.seek(start)
            time.sleep(MOUNT_S)  # PLANTED
            return self.file.read(size)

    def account(self, size: int) -> None:
        """Add to the bytes that were read."""
        with self.guard:
            self.bytes_read.value += size

    def close(self) -> None:
        """Close the file."""
        self.file.close()
