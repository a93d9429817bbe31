"""A journal of metrics: one JSON record a line, none lost if the machine goes down."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class MetricLogger:
    """Writes records to a file."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8")
        self.records = 0

    def log(self, step: int, scope: str, **values: float) -> None:
        """Write one record."""
        record: dict[str, Any] = {"step": step, "scope": scope}
        record |= {name: round(value, 6) for name, value in values.items()}
        self.file.write(json.dumps(record) + "\n")
        self.records += 1
        self.settle()

    def settle(self) -> None:
        """See to it that what was written stays."""
        self.file.flush()
        os.fsync(self.file.fileno())  # PLANTED

    def close(self) -> None:
        """Close the file."""
        self.file.close()
