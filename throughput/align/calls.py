"""Read `calls-<pid>-<thread>.json`: what cProfile counted, already turned into JSON when collected."""

from __future__ import annotations

from typing import BinaryIO

import msgspec

from throughput.align.frames import FrameReader
from throughput.model.place import place_of
from throughput.model.timeline import Call

LIMIT_BYTES = 200_000_000


class _Calls(msgspec.Struct):
    pid: int
    role: str
    rows: list[tuple[str, int, str, int, int, int]]


def read_calls(file: BinaryIO, frames: FrameReader) -> tuple[Call, ...]:
    """Return the functions that one thread called; a damaged file gives none."""
    try:
        found = msgspec.json.decode(file.read(LIMIT_BYTES), type=_Calls)
    except (msgspec.DecodeError, RecursionError):
        return ()
    return tuple(
        Call(
            function=function,
            file=place_of(path, frames.script_dir)[0] if path != "~" else path,
            line=line,
            calls=calls,
            self_ns=own,
            total_ns=total,
            role=found.role,
        )
        for path, line, function, calls, own, total in found.rows
        if "throughput_inprocess" not in path
    )
