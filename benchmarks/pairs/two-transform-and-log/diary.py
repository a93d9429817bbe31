"""The diary of a run: a logger whose file survives the machine."""

from __future__ import annotations

import logging
import os
from pathlib import Path


class DurableFile(logging.FileHandler):
    """Appends records to a file, each of them on the disk before training goes on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        super().emit(record)
        assert self.stream is not None
        os.fsync(self.stream.fileno())  # PLANTED


def open_diary(path: Path, handler: type[logging.FileHandler]) -> logging.Logger:
    """Return a logger that writes to one file only."""
    diary = logging.getLogger("diary")
    diary.setLevel(logging.INFO)
    diary.propagate = False
    diary.addHandler(handler(path, encoding="utf-8"))
    return diary
