"""The fixed twin: each worker reads at a place of its own and keeps its own account; there is no lock."""

from __future__ import annotations

import os
import time
from pathlib import Path

from picker import pick
from volume import MOUNT_S, Volume


class OpenVolume(Volume):
    """Reads by position, so that nothing is shared."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("rb", buffering=0)
        self.own_bytes = 0

    def stretch(self, start: int, size: int) -> bytes:
        time.sleep(MOUNT_S)
        return os.pread(self.file.fileno(), size, start)

    def account(self, size: int) -> None:
        self.own_bytes += size


if __name__ == "__main__":
    pick(OpenVolume)
