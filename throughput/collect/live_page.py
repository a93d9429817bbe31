"""Read the page that the training process shares, and tell it what the parent wants."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

MAGIC = 0x74687075
SLOTS = (
    "magic", "pid", "block", "steps_seen", "kept", "asked", "last_step_ns", "last_sign_ns", "rule_settled",
    "want_stacks", "stacks_state", "stop", "cprofile_on", "window_start_ns", "window_end_ns", "loader_ns",
    "compute_ns", "clean_ns", "warmup_steps", "training_tid", "first_step_ns",
    "start_at", "plan_light", "plan_torch", "plan_cprofile", "hold_at", "held_at",
)  # fmt: skip
"""The same table as in the training process; a test holds the two together."""
SIZE = 64 * 8
BLOCKS = ("warmup", "dropped", "light", "stacks", "torch", "cprofile", "done", "shapes", "growth")


class LivePage:
    """One rank's page; `None` from `open` until the rank has written its magic number."""

    def __init__(self, cells: memoryview) -> None:
        self._cells = cells

    @classmethod
    def open(cls, folder: Path) -> LivePage | None:
        """Map the page of a rank's folder; None where it isn't there yet."""
        try:
            fd = os.open(folder / "live", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            if os.fstat(fd).st_size < SIZE:
                return None
            cells = memoryview(mmap.mmap(fd, SIZE)).cast("q")
        finally:
            os.close(fd)
        return cls(cells) if cells[0] == MAGIC else None

    def get(self, name: str) -> int:
        """Return the value of a slot."""
        return int(self._cells[SLOTS.index(name)])

    def set(self, name: str, value: int) -> None:
        """Set a slot that is the parent's to write."""
        self._cells[SLOTS.index(name)] = value

    @property
    def block(self) -> str:
        """Return the name of the block that the rank is in."""
        number = self.get("block")
        return BLOCKS[number] if 0 <= number < len(BLOCKS) else "done"
