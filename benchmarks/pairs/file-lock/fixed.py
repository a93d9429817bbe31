"""The fixed twin: the index is read once a process, without a lock, and never written."""

from __future__ import annotations

import json
import time
from pathlib import Path

from outline import outline
from studies import ARCHIVE_BYTES_PER_S, Studies


class StudiesToRead(Studies):
    """Studies that nobody writes to while training runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.entries = json.loads((folder / "index.json").read_text(encoding="utf-8"))

    def read(self, number: int) -> bytes:
        entry = self.entries[str(number)]
        time.sleep(entry["bytes"] / ARCHIVE_BYTES_PER_S)
        return self.folder.joinpath(entry["file"]).read_bytes()

    def count_read(self, number: int) -> None:
        self.entries[str(number)]["reads"] += 1


if __name__ == "__main__":
    outline(StudiesToRead)
