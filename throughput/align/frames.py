"""Turn raw frames into frames: shortened, qualified, told apart from library code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from throughput.model.place import place_of
from throughput.model.timeline import COPY_FRAME, LOCK_FRAME, READ_FRAME, Frame

OURS = "throughput_inprocess"
"""Frames of the in-process collectors: left out of every stack."""
OUR_LOCKS = ("locks.py", "lock_waits.py", "process_locks.py", "semaphores.py")
"""Files of ours in which a thread waits for a lock of the script's."""
OUR_TIMERS = "patches.py"
C_CALLS = {"_send": COPY_FRAME, "_read": READ_FRAME}
"""Functions of that file in which a thread is while C code copies to a device, or waits for it."""


@dataclass(slots=True)
class FrameReader:
    """Makes frames relative to one script's folder; remembers what it made."""

    script_dir: str
    qualified: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """(file, line) -> (qualified function, its first line), from the sources that were stored."""
    _known: dict[tuple[str, str, int, int], Frame] = field(default_factory=dict)

    def read(self, function: str, file: str, line: int, first_line: int = 0) -> Frame | None:
        """Return the frame; None for one of ours."""
        if OURS in file:
            return None
        key = (function, file, line, first_line)
        frame = self._known.get(key)
        if frame is None:
            frame = self._known[key] = self._make(function, file, line, first_line)
        return frame

    def stack(self, raw: Iterable[tuple[str, str, int]]) -> tuple[Frame, ...]:
        """Return the frames of a raw stack (function, file, line; outermost first) without ours."""
        rows = tuple(raw)
        frames = tuple(f for f in (self.read(*row) for row in rows) if f is not None)
        leaf = _leaf(rows[-1]) if rows else None
        return (*frames, leaf) if leaf and frames else frames

    def _make(self, function: str, file: str, line: int, first_line: int) -> Frame:
        shown, module, own = place_of(file, self.script_dir)
        qualified, first = self.qualified.get((file, line), (function, first_line))
        if qualified.rpartition(".")[2] != function.rpartition(".")[2]:
            qualified = function  # a comprehension or lambda: its own name says more
        return Frame(function=qualified, file=shown, line=line, own=own, first_line=first, module=module)


def _leaf(row: tuple[str, str, int]) -> Frame | None:
    """Return what stands for the innermost frame where that is one of ours around what the script called."""
    function, file, _ = row
    if OURS not in file:
        return None
    if file.endswith(OUR_LOCKS):
        return LOCK_FRAME
    return C_CALLS.get(function) if file.endswith(OUR_TIMERS) else None
