"""Read a torch.profiler trace (Chrome JSON): outermost operators of the training thread, counts of all."""

from __future__ import annotations

import gzip
import io
import zlib
from collections import Counter as Tally
from typing import BinaryIO

import msgspec
import numpy as np

from throughput.errors import DamagedFile
from throughput.model.timeline import Operators

LIMIT_BYTES = 2_000_000_000
OPERATOR = "cpu_op"


class _Event(msgspec.Struct, gc=False):
    ph: str = ""
    cat: str = ""
    name: str = ""
    ts: float = 0.0
    dur: float = 0.0
    tid: int | str = 0


class _Trace(msgspec.Struct):
    traceEvents: list[_Event] = []  # noqa: N815 (the format's name)
    baseTimeNanoseconds: int = 0  # noqa: N815


def read_torch_trace(file: BinaryIO, wall_to_monotonic_ns: int, native_id: int | None) -> Operators:
    """Return the operators on the run's clock.

    Args:
        file: the trace, gzipped or plain.
        wall_to_monotonic_ns: what to add to wall-clock ns to get the run's clock.
        native_id: the training thread as the kernel numbers it; None takes the busiest thread.

    Raises:
        DamagedFile: not such a trace.
    """
    trace = _load(file)
    events = [e for e in trace.traceEvents if e.ph == "X" and e.cat == OPERATOR and isinstance(e.tid, int)]
    if not events:
        return Operators()
    tids = Tally(e.tid for e in events)
    thread = native_id if native_id in tids else tids.most_common(1)[0][0]
    mine = sorted((e for e in events if e.tid == thread), key=lambda e: (e.ts, -e.dur))
    outer: list[_Event] = []
    until = -1.0
    for event in mine:
        if event.ts >= until:
            outer.append(event)
            until = event.ts + event.dur
    base = trace.baseTimeNanoseconds + wall_to_monotonic_ns
    names = {name: number for number, name in enumerate(dict.fromkeys(e.name for e in outer))}
    start = np.array([e.ts for e in outer]) * 1e3
    return Operators(
        names=tuple(names),
        name=np.array([names[e.name] for e in outer], dtype=np.int64),
        start_ns=start.astype(np.int64) + base,
        end_ns=(start + np.array([e.dur for e in outer]) * 1e3).astype(np.int64) + base,
        inner_counts=dict(Tally(e.name for e in mine)),
    )


def _load(file: BinaryIO) -> _Trace:
    data = file.read(LIMIT_BYTES)
    try:
        if data[:2] == b"\x1f\x8b":
            data = _unzip(data)
        return msgspec.json.decode(data, type=_Trace)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFile(f"torch trace is damaged: {error}.", hint="Profile again.") from None


def _unzip(data: bytes) -> bytes:
    unzipped = gzip.GzipFile(fileobj=io.BytesIO(data)).read(LIMIT_BYTES)
    if len(unzipped) >= LIMIT_BYTES:
        raise OSError("larger than any honest trace")
    return unzipped
