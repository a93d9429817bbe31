"""Share one page with the parent: where the run stands, and what the parent wants. Rank folder, file `live`.

The page holds 64 little-endian int64; the parent's reader has the same table (`collect/live_page.py`) and a
test holds the two together.
"""

from __future__ import annotations

import mmap
import os
import time

MAGIC = 0x74687075
SLOTS = (
    "magic",
    "pid",
    "block",  # 0 warmup, 1 dropped, 2 light, 3 stacks, 4 torch, 5 cprofile, 6 done, 7 shapes, 8 growth
    "steps_seen",
    "kept",
    "asked",
    "last_step_ns",
    "last_sign_ns",
    "rule_settled",  # 1: the parent may attach py-spy
    "want_stacks",  # 1: light stretch with stacks; 0 afterwards: the parent ends py-spy
    "stacks_state",  # written by the parent: 0 none, 1 attaching, 2 sampling, 3 ended, 4 sample in process
    "stop",  # written by the parent: end at this step or later
    "cprofile_on",  # workers look at it for each batch
    "window_start_ns",
    "window_end_ns",
    "loader_ns",  # of the clean steps so far, for the live split
    "compute_ns",
    "clean_ns",
    "warmup_steps",
    "training_tid",
    "first_step_ns",
    "start_at",  # of several ranks: the step at which all begin their window, as rank 0 decides
    "plan_light",
    "plan_torch",
    "plan_cprofile",
    "hold_at",  # written by the parent: at this step stop the process, until it is continued
    "held_at",  # the step at which it stopped
)
SLOT = {name: number for number, name in enumerate(SLOTS)}
SIZE = 64 * 8


class Page:
    """The shared page; before `open` it is plain memory, so that writers need no check."""

    def __init__(self) -> None:
        self.cells = memoryview(bytearray(SIZE)).cast("q")

    def open(self, folder: str) -> None:
        """Back the page by a file; its room is taken at once, so that a full disk can't fault a write."""
        path = os.path.join(folder, "live")
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if os.fstat(fd).st_size < SIZE:
                    os.write(fd, bytes(SIZE))
                mapped = mmap.mmap(fd, SIZE)
            finally:
                os.close(fd)
        except OSError:
            return
        cells = memoryview(mapped).cast("q")
        if cells[SLOT["magic"]] != MAGIC:
            for number, value in enumerate(self.cells):
                cells[number] = value
            cells[SLOT["pid"]] = os.getpid()
            cells[SLOT["last_sign_ns"]] = time.monotonic_ns()
            cells[SLOT["magic"]] = MAGIC
        self.cells = cells

    def get(self, name: str) -> int:
        """Return the value of a slot."""
        return self.cells[SLOT[name]]

    def set(self, name: str, value: int) -> None:
        """Set a slot."""
        self.cells[SLOT[name]] = value


page = Page()


def is_there(pid: int) -> bool:
    """Return whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
