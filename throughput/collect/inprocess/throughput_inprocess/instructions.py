"""Count the instructions that the training thread runs in user space over the light steps.

The processor counts by itself: it is asked twice, when the window begins and when its light steps are over.
Written as a note: {"kind": "instructions", "count", "steps"}. Where perf is not allowed, or the machine
hides its counters, there is no note.
"""

from __future__ import annotations

import os
import struct
import sys

from .recorder import recorder

OPEN_CALL = {"x86_64": 298, "aarch64": 241}
"""Number of perf_event_open."""
HARDWARE, INSTRUCTIONS = 0, 1
TIMES = 1 | 2
"""Read how long the event was wanted and how long it counted: fewer counters than events take turns."""
USER_ONLY = 1 << 5 | 1 << 6
"""Without the kernel's and the hypervisor's instructions: those of the code, and allowed to everyone."""
CLOSE_ON_EXEC = 8
ATTRIBUTES = struct.Struct("<IIQQQQQ16x")
"""The first 64 bytes of perf_event_attr, which every kernel takes."""

_state = {"fd": -1}


def begin() -> None:
    """Begin to count this thread's instructions, where that is allowed."""
    _close()
    try:
        _state["fd"] = _open()
    except Exception:
        _state["fd"] = -1


def end(steps: int) -> None:
    """Note what was counted over so many steps, once."""
    if _state["fd"] < 0:
        return
    try:
        count, wanted, ran = struct.unpack("<3Q", os.read(_state["fd"], 24))
        if steps and ran:
            recorder.note("instructions", count=count * wanted // ran, steps=steps)
    except (OSError, struct.error):
        pass
    _close()


def _open() -> int:
    import ctypes

    number = OPEN_CALL.get(os.uname().machine)
    if number is None or not sys.platform.startswith("linux"):
        return -1
    packed = ATTRIBUTES.pack(HARDWARE, ATTRIBUTES.size, INSTRUCTIONS, 0, 0, TIMES, USER_ONLY)
    system_call = ctypes.CDLL(None).syscall
    system_call.restype = ctypes.c_long
    wanted = (number, ctypes.create_string_buffer(packed), 0, -1, -1, CLOSE_ON_EXEC)
    return int(system_call(*(ctypes.c_long(w) if isinstance(w, int) else w for w in wanted)))


def _close() -> None:
    fd, _state["fd"] = _state["fd"], -1
    if fd >= 0:
        try:
            os.close(fd)
        except OSError:
            pass
