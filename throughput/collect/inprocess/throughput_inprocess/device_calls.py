"""Count where the script copies to a device or waits for it: the line of each call, and how long it took.

Such a call is one of C code: stacks show the script's own line at best, the profiler's trace shows none. The
notes, `device_call`, are written when the window ends.
"""

from __future__ import annotations

from time import monotonic_ns

from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

LINES_MAX = 1_000
"""Of a script that copies from everywhere: the lines seen first."""

_lines: dict[tuple[str, int, int], list[int]] = {}
_codes: list[CodeType] = []


def count(call: str, frame: FrameType, since: int) -> None:
    """Add a call that began then and ends now, made from this frame."""
    key = (call, id(frame.f_code), frame.f_lineno or 0)
    line = _lines.get(key)
    if line is None:
        if len(_lines) >= LINES_MAX:
            return
        _codes.append(frame.f_code)  # its id stays its own
        line = _lines[key] = [recorder.stack_id(frame), 0, 0]
    line[1] += 1
    line[2] += monotonic_ns() - since


def write() -> None:
    """Write the notes."""
    for (call, _, _), (stack, calls, ns) in list(_lines.items()):  # other threads may still copy
        recorder.note("device_call", call=call, stack=stack, count=calls, ns=ns)
    _lines.clear()
    _codes.clear()
