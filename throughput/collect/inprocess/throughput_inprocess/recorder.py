"""Write raw files of one process: `events-<pid>.i64` and `notes-<pid>.jsonl` in the rank's folder.

Where rows of the training thread are written through memory (see `mapped`), they are in `steps-<pid>.i64`.

`events` holds rows of eight little-endian int64: kind, thread, t0, t1, a, b, c, d. Times are
CLOCK_MONOTONIC ns, threads are `threading.get_ident()`, unused fields are 0, unknown values -1.

kind            t0        t1        a          b           c          d
1 SEGMENT       start     end       phase      cpu ns      runq ns    region
2 STEP          end       0         number     block       samples    tokens
3 BATCH_ASKED   asked     0         loader     batch       worker     0
4 BATCH_ARRIVED arrived   0         loader     batch       0          0
5 BATCH_TAKEN   wanted    taken     loader     batch       samples    0
6 BATCH_MADE    begun     made      batch      fetched at  cpu ns     runq ns
7 LOCK_WAIT     start     end       lock       holder      holder's stack   waiter's stack
8 PAUSE         start     end       kind (0 gc, 1 gc2, 2 compile)
9 STACK_SAMPLE  previous  now       stack      0           0          0
10 ITERATOR     start     ready     loader     0           0          0
11 RESUME       when      0         0          0           0          0
12 SPAN         start     end       part       name        stack      1 where it begins, 0 a later piece
13 SLOW_SAMPLE  begun     fetched   index      loader      0          0
20 BATCH_TOKENS made      0         tokens     no padding  0 mask, 1 labels

`notes` holds one JSON object a line with a key "kind": thread, stack, name, lock, long_wait, wait_over,
loader, region, facts, patch, rule, note, amount, instructions, device_call. Parts are those of `spans`.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

SEGMENT, STEP, BATCH_ASKED, BATCH_ARRIVED, BATCH_TAKEN, BATCH_MADE = 1, 2, 3, 4, 5, 6
LOCK_WAIT, PAUSE, STACK_SAMPLE, ITERATOR, SPAN, SLOW_SAMPLE = 7, 8, 9, 10, 12, 13
BATCH_TOKENS = 20

_ROW = struct.Struct("<8q")
FLUSH_NS = 20_000_000
"""Rows wait at most this long for the next step: what a killed process loses, against a write a step."""


def as_json(value: Any) -> bytes:
    """Return the value as JSON in UTF-8; bytes of a file name that are none become U+FFFD."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8")


class Recorder:
    """One process's raw files; rows are kept in memory until `flush`."""

    def __init__(self) -> None:
        self.rows: deque[tuple[int, ...]] = deque()
        self.folder: str | None = None
        self._events: int | None = None
        self._notes: int | None = None
        self._early_notes: list[dict[str, Any]] = []
        self._flushed_at = 0
        self._known_threads: set[int] = set()
        self._known_stacks: dict[tuple[int, ...], tuple[int, list[CodeType]]] = {}

    def open(self, folder: str) -> None:
        """Write into `folder` from now on; what was recorded before is kept."""
        if self.folder is not None:
            return
        self.folder = folder
        pid = os.getpid()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._events = os.open(os.path.join(folder, f"events-{pid}.i64"), flags, 0o644)
        self._notes = os.open(os.path.join(folder, f"notes-{pid}.jsonl"), flags, 0o644)
        early, self._early_notes = self._early_notes, []
        for note in early:
            self._write_note(note)

    def after_fork(self) -> None:
        """Start anew in a forked child: its rows go into files of its own in the same folder."""
        folder = self.folder
        Recorder.__init__(self)
        if folder is not None:
            self.open(folder)

    def note(self, kind: str, **fields: Any) -> None:
        """Append one JSON line."""
        fields["kind"] = kind
        if self._notes is None:
            self._early_notes.append(fields)
        else:
            self._write_note(fields)

    def _write_note(self, fields: dict[str, Any]) -> None:
        if self._notes is None:
            return
        try:
            os.write(self._notes, as_json(fields) + b"\n")
        except OSError:
            pass

    def know_thread(self, ident: int | None = None) -> None:
        """Note a thread's name and native id, once."""
        ident = threading.get_ident() if ident is None else ident
        if ident in self._known_threads:
            return
        self._known_threads.add(ident)
        thread = getattr(threading, "_active", {}).get(ident)
        name = thread.name if thread is not None else "thread"
        native = thread.native_id if thread is not None else None
        self.note("thread", tid=ident, native_id=native, name=name, pid=os.getpid())

    def know_all_threads(self) -> None:
        """Note every thread that is alive."""
        for ident in list(getattr(threading, "_active", {})):
            self.know_thread(ident)

    def stack_id(self, frame: FrameType | None, limit: int = 64) -> int:
        """Return the number of this stack, noting it the first time; -1 without a frame."""
        if frame is None:
            return -1
        # By identity: hashing a code object walks all of it. The codes kept below keep their ids theirs.
        ids: list[int] = []
        codes: list[CodeType] = []
        while frame is not None and len(codes) < limit:
            code = frame.f_code
            codes.append(code)
            ids.append(id(code))
            ids.append(frame.f_lineno or 0)  # None on instructions that belong to no line
            frame = frame.f_back
        key = tuple(ids)
        known = self._known_stacks.get(key)
        if known is not None:
            return known[0]
        number = len(self._known_stacks)
        self._known_stacks[key] = (number, codes)
        frames = [
            [getattr(code, "co_qualname", code.co_name), code.co_filename, line, code.co_firstlineno]
            for code, line in zip(reversed(codes), reversed(ids[1::2]))
        ]
        self.note("stack", id=number, frames=frames)
        return number

    def write(self, *row: int) -> None:
        """Have a row written at the next flush."""
        self.rows.append(row)

    def flush_if_due(self, now: int) -> None:
        """Flush when the last flush is `FLUSH_NS` ago."""
        if now - self._flushed_at > FLUSH_NS and self.rows:
            self.flush(now)

    def flush(self, now: int | None = None) -> None:
        """Write the waiting rows; a full disk loses them, the script goes on."""
        self._flushed_at = time.monotonic_ns() if now is None else now
        if self._events is None:
            return
        pop, pack, packed = self.rows.popleft, _ROW.pack, []
        try:
            while True:
                packed.append(pack(*pop()))
        except IndexError:
            pass
        try:
            written = os.write(self._events, b"".join(packed))
            if written % _ROW.size:  # the disk filled up within a row: later rows must stay aligned
                size = os.fstat(self._events).st_size
                os.ftruncate(self._events, size - size % _ROW.size)
        except OSError:
            pass


recorder = Recorder()
