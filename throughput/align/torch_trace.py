"""Read a torch.profiler trace (Chrome JSON): outermost operators of the training thread, counts of all."""

from __future__ import annotations

import gzip
import io
import zlib
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, BinaryIO

import msgspec
import numpy as np

from throughput.errors import DamagedFile
from throughput.model.timeline import Ints, Operators

LIMIT_BYTES = 2_000_000_000
OPERATOR = ("cpu_op", "Operator")
"""Categories of operators, as traces since 2021 and before name them."""
RUNTIME = ("cuda_runtime", "cuda_driver", "Runtime")
"""Categories of the host's calls of the device's runtime; ROCm's are named cuda_runtime too."""
LIMIT_US = 7 * 86_400 * 1e6
"""No span of a profile lasts a week: such events are damaged."""

LATEST_NS = 2**62
"""In the year 2116: half of what an integer column holds, so that a base can be added."""

Tid = int | str


class Event(msgspec.Struct, gc=False):
    """One event of the trace; times are microseconds."""

    ph: str = ""
    cat: str = ""
    name: str = ""
    ts: float = 0.0
    dur: float = 0.0
    pid: Tid = 0
    tid: Tid = 0
    args: msgspec.Raw = msgspec.Raw()

    @property
    def end(self) -> float:
        """When it ended, us."""
        return self.ts + self.dur


class Trace(msgspec.Struct):
    """A trace as the file has it."""

    traceEvents: list[Event] = []  # noqa: N815 (the format's name)
    baseTimeNanoseconds: Annotated[int, msgspec.Meta(ge=0, le=LATEST_NS)] = 0  # noqa: N815

    def spans(self, *categories: str) -> list[Event]:
        """Return the spans of some categories that can be true."""
        return [
            e
            for e in self.traceEvents
            if e.cat in categories and e.ph == "X" and 0 <= e.dur <= LIMIT_US and abs(e.ts) < LATEST_NS / 1e3
        ]


def load_trace(file: BinaryIO) -> Trace:
    """Return the trace, gzipped or plain.

    Raises:
        DamagedFile: not such a trace.
    """
    data = file.read(LIMIT_BYTES)
    try:
        if data[:2] == b"\x1f\x8b":
            data = _unzip(data)
        try:
            return msgspec.json.decode(data, type=Trace)
        except UnicodeDecodeError:  # a name with bytes that are no text: torch writes what it was given
            return msgspec.json.decode(data.decode("utf-8", "replace").encode(), type=Trace)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, RecursionError) as error:
        raise DamagedFile(f"torch trace is damaged: {error}.", hint="Profile again.") from None


def arguments_of(event: Event) -> Mapping[str, Any]:
    """Return what a trace says of an event beside its time; empty where that is damaged."""
    try:
        found = msgspec.json.decode(event.args)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _unzip(data: bytes) -> bytes:
    unzipped = gzip.GzipFile(fileobj=io.BytesIO(data)).read(LIMIT_BYTES)
    if len(unzipped) >= LIMIT_BYTES:
        raise OSError("larger than any honest trace")
    return unzipped


def training_tid(trace: Trace, native_id: int | None) -> Tid | None:
    """Return the training thread as the trace numbers it; where it isn't there, the busiest thread."""
    tids = Tally(e.tid for e in trace.spans(*OPERATOR))
    if native_id is not None and native_id in tids:
        return native_id
    return tids.most_common(1)[0][0] if tids else None


def operators_of(trace: Trace, wall_to_monotonic_ns: int, thread: Tid | None) -> Operators:
    """Return one thread's operators on the run's clock.

    Args:
        trace: the trace.
        wall_to_monotonic_ns: what to add to wall-clock ns to get the run's clock.
        thread: the training thread as the trace numbers it.
    """
    mine = sorted((e for e in trace.spans(*OPERATOR) if e.tid == thread), key=lambda e: (e.ts, -e.dur))
    if not mine:
        return Operators()
    outer: list[Event] = []
    for event in mine:
        if not outer or event.ts >= outer[-1].end:
            outer.append(event)
    names = {name: number for number, name in enumerate(dict.fromkeys(e.name for e in outer))}
    start, end = clocked(outer, trace.baseTimeNanoseconds + wall_to_monotonic_ns)
    calls = sorted(e.ts for e in trace.spans(*RUNTIME) if e.tid == thread)
    bounds = np.searchsorted(calls, [[e.ts, e.end] for e in outer]) if calls else None
    return Operators(
        names=tuple(names),
        name=np.array([names[e.name] for e in outer], dtype=np.int64),
        start_ns=start,
        end_ns=end,
        inner_counts=dict(Tally(e.name for e in mine)),
        device_calls=np.zeros(0, dtype=np.int64) if bounds is None else bounds[:, 1] - bounds[:, 0],
    )


def clocked(events: Sequence[Event], base_ns: int) -> tuple[Ints, Ints]:
    """Return when events begin and end, in ns on the run's clock."""
    micros = np.array([e.ts for e in events], dtype=np.float64)
    whole = np.floor(micros)  # exact: times 1e3 first would round a date in us to 256 ns
    start = whole.astype(np.int64) * 1000 + np.rint((micros - whole) * 1e3).astype(np.int64) + base_ns
    lasted = np.rint(np.array([e.dur for e in events], dtype=np.float64) * 1e3).astype(np.int64)
    return start, start + lasted
