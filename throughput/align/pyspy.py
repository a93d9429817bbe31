"""Read py-spy's Chrome trace: stretches of stacks by process and thread, us from py-spy's start.

py-spy remembers the previous stack by thread id alone, and forked workers share thread ids, so begin and
end events are applied to one stack a thread id; after a group of events of one instant, the process that the
group names owns the stack. Where processes share an id, every sample writes a group; where none does, a stack
holds until the thread's next group.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, BinaryIO

import msgspec
import numpy as np

from throughput.errors import DamagedFile
from throughput.model.timeline import Ints

LIMIT_BYTES = 1_500_000_000
_BETWEEN_EVENTS = re.compile(rb"(?<=\}),\s*(?=\{)")
RawFrame = tuple[str, str, int]
"""Function, file, line."""


_Int = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]


class _Arguments(msgspec.Struct, gc=False):
    filename: str = ""
    line: _Int = 0


class _Event(msgspec.Struct, gc=False):
    ph: str
    pid: _Int
    tid: _Int
    ts: Annotated[int, msgspec.Meta(ge=0, le=2**48)]
    name: str
    args: _Arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSamples:
    """Stretches: columns of equal length; `stack` indexes `stacks`, whose frames are outermost first."""

    pid: Ints
    tid: Ints
    start_us: Ints
    end_us: Ints
    stack: Ints
    stacks: tuple[tuple[RawFrame, ...], ...]


def read_pyspy(file: BinaryIO, name: str = "stacks.json") -> RawSamples:
    """Return the stretches of a py-spy Chrome trace.

    Raises:
        DamagedFile: not such a trace, or larger than any honest one.
    """
    data = file.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        raise DamagedFile(f"{name} is too large.", hint="Profile fewer steps.")
    return decode(_events(data, name))


def _events(data: bytes, name: str) -> list[_Event]:
    try:
        return msgspec.json.decode(data, type=list[_Event])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # Cut off: the whole events still count.
    found: list[_Event] = []
    decoder = msgspec.json.Decoder(_Event)
    for text in _BETWEEN_EVENTS.split(data.strip(b"[] \n")):
        try:
            found.append(decoder.decode(text))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    if not found:
        raise DamagedFile(f"{name} is damaged.", hint="Profile again.")
    return found


class _Decoder:
    """The state of the decoding: open frames by thread id, the running stretch by (process, thread)."""

    def __init__(self) -> None:
        self.frames: dict[RawFrame, int] = {}
        self.stacks: dict[tuple[int, ...], int] = {}
        self.open: dict[int, list[int]] = {}
        self.running: dict[tuple[int, int], tuple[int, int]] = {}
        self.owner: dict[int, int] = {}
        """Thread id -> the process that wrote its last group."""
        self.rows: list[tuple[int, int, int, int, int]] = []

    def close_group(self, key: tuple[int, int, int]) -> None:
        """End the stretch of the process and thread that the group names, and begin the next."""
        tid, ts, pid = key
        self.owner[tid] = pid
        before = self.running.get((pid, tid))
        if before is not None and ts > before[0] and before[1] >= 0:
            self.rows.append((pid, tid, before[0], ts, before[1]))
        frames = tuple(self.open.get(tid, ()))
        if not frames:
            self.running.pop((pid, tid), None)
            return
        number = self.stacks.setdefault(frames, len(self.stacks))
        self.running[pid, tid] = (ts, number)

    def close_all(self, last: int) -> None:
        """End every running stretch at the file's last instant.

        Where processes share a thread id every sample writes a group: one that wrote none since another did
        is gone: its last stretch is as long as its usual one.
        """
        for (pid, tid), (ts, number) in self.running.items():
            end = last
            if self.owner[tid] != pid:
                usual = [row[3] - row[2] for row in self.rows if row[:2] == (pid, tid)]
                end = min(last, ts + sorted(usual)[len(usual) // 2]) if usual else ts
            if end > ts:
                self.rows.append((pid, tid, ts, end, number))

    def frame(self, event: _Event) -> int:
        """Return the number of an event's frame."""
        raw = (event.name, event.args.filename, event.args.line)
        number = self.frames.get(raw)
        if number is None:
            number = self.frames[raw] = len(self.frames)
        return number


def decode(events: list[_Event]) -> RawSamples:
    """Return the stretches that a list of begin and end events describes."""
    state = _Decoder()
    key: tuple[int, int, int] | None = None
    last = 0
    for event in events:
        this = (event.tid, event.ts, event.pid)
        if this != key:
            if key is not None:
                state.close_group(key)
            key = this
        stack = state.open.setdefault(event.tid, [])
        if event.ph == "B":
            stack.append(state.frame(event))
        elif stack:
            stack.pop()
        last = max(last, event.ts)
    if key is not None:
        state.close_group(key)
    state.close_all(last)
    return _columns(state)


def _columns(state: _Decoder) -> RawSamples:
    names = list(state.frames)
    stacks = tuple(
        tuple(
            names[number]
            for number in stack
            if names[number][1] or not names[number][0].startswith("process ")
        )
        for stack in state.stacks
    )
    table = np.array(state.rows, dtype=np.int64).reshape(-1, 5)
    table = table[np.argsort(table[:, 2], kind="stable")]
    return RawSamples(
        pid=table[:, 0],
        tid=table[:, 1],
        start_us=table[:, 2],
        end_us=table[:, 3],
        stack=table[:, 4],
        stacks=stacks,
    )
