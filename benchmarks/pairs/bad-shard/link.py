"""Lines to the machines on which shards are stored."""

from __future__ import annotations

import time


class Link:
    """A line that carries so many bytes a second."""

    def __init__(self, host: str, bytes_per_s: float) -> None:
        self.host, self.bytes_per_s = host, bytes_per_s
        self.carried = 0

    def pull(self, payload: memoryview) -> bytes:
        """Return a payload once it is through."""
        self._hold(len(payload))
        return bytes(payload)

    def _hold(self, size: int) -> None:
        self.carried += size
        time.sleep(size / self.bytes_per_s)  # PLANTED
