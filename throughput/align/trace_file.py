"""Read a trace file of torch.profiler (Kineto, Chrome JSON) into columns, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from throughput.align.trace_columns import LARGEST, Columns
from throughput.align.trace_events import Lost, TraceEvent, decode, plain_objects, salvage
from throughput.align.trace_frames import frames_of, stack_of
from throughput.align.trace_stream import Readable, TextStream
from throughput.errors import DamagedFile
from throughput.model.trace import TraceEvents

LIST = re.compile(rb'"traceEvents"\s*:\s*\[')
BOUNDARY = re.compile(rb'\}\s*,\s*(?=\{\s*"(?:ph|name|cat|pid|tid|ts|dur|args|id|s|bp|cname)")')
"""Where an event ends and the next begins; inside of arguments that look the same, decoding tells."""
WINDOWS = (100_000, 1_000_000)
"""From a block's end, in which to look for the last boundary, before the whole block."""
HELD_BYTES_MAX = 64_000_000
"""Of text without an end of an event, or around the list: no event and no head of a trace is larger."""
SHOWN_FACTS = ("schemaVersion", "record_shapes", "with_stack", "with_flops", "with_modules", "profile_memory",
               "cuda_runtime_version", "cuda_driver_version", "cupti_version", "hip_runtime_version",
               "trace_id", "traceName")  # fmt: skip
HINT = "Name a file that torch.profiler's export_chrome_trace or tensorboard_trace_handler wrote."


def read_trace(file: Readable, name: str) -> TraceEvents:
    """Return the trace; what of it was damaged is in its notes.

    Args:
        file: the trace, gzipped or plain.
        name: for messages.

    Raises:
        DamagedFile: no trace, or nothing in it can be read.
    """
    reader = _Reader(TextStream(file), name)
    reader.read()
    return reader.events()


class _Reader:
    """Reads one trace, piece by piece."""

    def __init__(self, stream: TextStream, name: str) -> None:
        self.stream = stream
        self.name = name
        self.lost = Lost()
        self.columns = Columns(self.lost)
        self.around: dict[str, Any] = {}
        """What the trace says beside its events."""
        self.ended = False
        """The list of events ended, rather than the file."""

    def read(self) -> None:
        """Read all events.

        Raises:
            DamagedFile: it is no trace.
        """
        blocks = self.stream.blocks()
        held = self._head(blocks)
        for block in blocks:
            held = self._piece(held, block)
            if self.ended:
                self._tail(held, blocks)
                break
        else:
            self._last(held)
        if self.columns.pairs:
            self.columns.close_pairs()

    def _head(self, blocks: Iterator[bytes]) -> bytes:
        """Return what follows the beginning of the list of events."""
        held = b""
        for block in blocks:
            held += block
            if held.lstrip()[:1] == b"[":
                return held.lstrip()[1:]
            match = LIST.search(held)
            if match is not None:
                self._note(held[: match.start()])
                return held[match.end() :]
            if len(held) > HELD_BYTES_MAX:
                break
        if not held.strip():
            raise DamagedFile(f"{self.name} is empty.", hint=HINT)
        raise DamagedFile(f"{self.name} is no trace: it has no list of events.", hint=HINT)

    def _note(self, text: bytes) -> None:
        for plain in plain_objects(text):
            self.around |= plain

    def _piece(self, held: bytes, block: bytes) -> bytes:
        """Read the events that end in the text left before and a block; return what is left now."""
        text = bytearray(b"[")
        text += held
        text += block
        cut = _last_boundary(text)
        if cut < 0 and len(text) < HELD_BYTES_MAX:
            return bytes(text[1:])
        if cut < 0:
            self.lost.events += 1
            return b""
        events = self._decoded(text, cut)
        if events is not None:
            self.columns.add(events)
            return bytes(text[cut:].lstrip(b" \t\r\n,"))
        return self._salvage(bytes(text[1:cut])) + bytes(text[cut:])

    def _decoded(self, text: bytearray, cut: int) -> list[TraceEvent] | None:
        """Return the events before a boundary; None where the text is damaged. The text is not copied."""
        after, text[cut] = text[cut], ord("]")
        try:
            return decode(memoryview(text)[: cut + 1], self.lost)
        finally:
            text[cut] = after

    def _salvage(self, held: bytes) -> bytes:
        """Read what can be read of damaged text; return what is left of it."""
        text = held.decode("utf-8", "replace")
        self.lost.texts += "\ufffd" in text and "\ufffd".encode() not in held
        found = salvage(text, self.lost)
        self.columns.add(found.events)
        self.ended = found.ended
        return text[found.stopped :].encode("utf-8", "replace")

    def _last(self, held: bytes) -> None:
        """Read the text that ends the file: the last events, and what follows them."""
        try:
            around = msgspec.json.decode(b'{"traceEvents":[' + held, type=dict[str, msgspec.Raw])
            events = decode(bytes(around.pop("traceEvents")), self.lost)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            closed = held.rstrip()[-1:] == b"]"
            around, events = {}, decode(b"[" + held, self.lost) if closed else None
        if events is not None:
            self.columns.add(events)
            self.ended = True
            for key, raw in around.items():
                self._note(b'{"' + key.encode("utf-8", "replace") + b'":' + bytes(raw) + b"}")
            return
        held = self._salvage(held)
        if self.ended:
            self._note(b"{" + held.lstrip(b"] \t\r\n,"))
        else:
            self.lost.events += bool(held.strip())

    def _tail(self, held: bytes, blocks: Iterator[bytes]) -> None:
        """Read what follows the list of events."""
        for block in blocks:
            held += block
            if len(held) > HELD_BYTES_MAX:
                return
        self._note(b"{" + held.lstrip(b"] \t\r\n,"))

    def events(self) -> TraceEvents:
        """Return what was read.

        Raises:
            DamagedFile: nothing was.
        """
        host, device = self.columns.host(), self.columns.device()
        if not len(host.kind) and not len(device.kind):
            raise DamagedFile(f"{self.name} holds no spans that can be read.", hint=HINT)
        distributed = self.around.get("distributedInfo")
        distributed = distributed if isinstance(distributed, dict) else {}
        base = self.around.get("baseTimeNanoseconds")
        return TraceEvents(
            host=host,
            device=device,
            names=tuple(self.columns.names),
            threads=tuple((str(pid), str(tid)) for pid, tid in self.columns.threads),
            frames=frames_of(self.columns.names),
            stack_frames=tuple(stack_of(text) for text in self.columns.stacks),
            rank=_count(distributed.get("rank")),
            world_size=_count(distributed.get("world_size")),
            device_names=_device_names(self.around.get("deviceProperties")),
            facts=_facts(self.around) | {"base_ns": base if _count(base, LARGEST) is not None else 0},
            notes=self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        """Return what was lost, in words."""
        lost, notes = self.lost, []
        if self.stream.cut_off:
            notes.append(f"{self.name} could not be read to its end: {self.stream.cut_off}.")
        elif not self.ended:
            notes.append(f"{self.name} ends in the middle of its list of events: what follows is lost.")
        if lost.events:
            notes.append(f"{self.name}: {lost.events:,} damaged events were left out.")
        notes += [f"{self.name}: {number:,} {reason}." for reason, number in lost.reasons.items()]
        if lost.odd_fields:
            notes.append(f"{self.name}: {lost.odd_fields:,} fields of events hold something else than text.")
        if lost.texts:
            notes.append(f"{self.name}: some names hold bytes that are no text.")
        return tuple(notes)


def _last_boundary(text: bytearray) -> int:
    """Return where the last event that is whole ends; -1 where none does."""
    for size in (*WINDOWS, len(text)):
        begin = max(0, len(text) - size)
        ends = [match.start() + 1 for match in BOUNDARY.finditer(text, begin)]
        if ends:
            return ends[-1]
    return -1


def _count(value: object, below: int = 2**31) -> int | None:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below
    return value if sound and isinstance(value, int) else None


def _device_names(value: object) -> dict[int, str]:
    found = {}
    for row in value if isinstance(value, list) else ():
        number = _count(row.get("id")) if isinstance(row, dict) else None
        if number is not None and isinstance(row.get("name"), str):
            found[number] = row["name"]
    return found


def _facts(around: dict[str, Any]) -> dict[str, Any]:
    """Return the scalars that say how the trace was made."""
    return {k: around[k] for k in SHOWN_FACTS if isinstance(around.get(k), (str, int, float))}
