"""Decode the events of a trace, whatever their fields hold; damaged ones are counted, not raised."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

Scalar = int | float | str | None
NOT_A_NUMBER = math.nan


class Arguments(msgspec.Struct, gc=False):
    """The arguments of an event that are looked at; all others are skipped while decoding."""

    device: Scalar = None
    stream: Scalar = None
    correlation: Scalar = None
    bytes: Scalar = None
    call_stack: str | None = msgspec.field(name="Call stack", default=None)


class TraceEvent(msgspec.Struct, gc=False):
    """One event; times are microseconds, and not a number where they are missing."""

    ph: str = ""
    cat: str = ""
    name: str = ""
    ts: float = NOT_A_NUMBER
    dur: float = NOT_A_NUMBER
    pid: Scalar = None
    tid: Scalar = None
    args: Arguments | None = None


NO_ARGUMENTS = Arguments()
TYPED = msgspec.json.Decoder(list[TraceEvent])
RAW = msgspec.json.Decoder(list[msgspec.Raw])
ONE = msgspec.json.Decoder(TraceEvent)
LENIENT = json.JSONDecoder(strict=False)
"""Takes control characters in strings, NaN and Infinity, which msgspec refuses."""
BETWEEN = re.compile(r"\}\s*,\s*(?=\{)")
"""Where one object of a list ends and the next begins."""
SPACE = re.compile(r"[\s,]*")


@dataclass(slots=True)
class Lost:
    """What could not be read."""

    events: int = 0
    """Events that are no JSON, or no object."""
    odd_fields: int = 0
    """Fields that hold another type than they should; the rest of such an event counts."""
    texts: int = 0
    """Pieces whose bytes were no UTF-8."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Words that follow the number -> spans that can't be used as they are."""

    def count(self, reason: str, number: int) -> None:
        """Count spans that can't be used."""
        if number:
            self.reasons[reason] = self.reasons.get(reason, 0) + int(number)


@dataclass(slots=True)
class Salvaged:
    """What was read of a damaged piece: its events, where reading stopped, whether the list ended there."""

    events: list[TraceEvent]
    stopped: int
    ended: bool


def decode(text: bytes | memoryview, lost: Lost) -> list[TraceEvent] | None:
    """Return the events of a list `[{...}, {...}]`; None where it is no JSON as it stands."""
    try:
        return TYPED.decode(text)
    except (msgspec.ValidationError, UnicodeDecodeError):
        pass
    except (msgspec.DecodeError, RecursionError):
        return None
    try:
        return [_event(raw, lost) for raw in RAW.decode(text)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _event(raw: msgspec.Raw, lost: Lost) -> TraceEvent:
    """Return one event, its fields of odd types left out."""
    try:
        return ONE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    data = bytes(raw)
    text = data.decode("utf-8", "replace")
    lost.texts += "\ufffd" in text and "\ufffd".encode() not in data
    try:
        return event_of(LENIENT.decode(text), lost)
    except (ValueError, RecursionError):
        lost.events += 1
        return TraceEvent()


def salvage(text: str, lost: Lost) -> Salvaged:
    """Return the events that can be read one by one, skipping to the next where one is damaged."""
    found: list[TraceEvent] = []
    at = 0
    while True:
        at = _after_space(text, at)
        if at >= len(text):
            return Salvaged(found, at, ended=False)
        if text[at] == "]":
            return Salvaged(found, at, ended=True)
        try:
            plain, at = LENIENT.raw_decode(text, at)
            found.append(event_of(plain, lost))
            continue
        except (ValueError, RecursionError):
            following = BETWEEN.search(text, at)
        if following is None:
            return Salvaged(found, at, ended=False)
        lost.events += 1
        at = following.end()


def _after_space(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def event_of(plain: Any, lost: Lost) -> TraceEvent:
    """Return the event that a JSON value describes; one of no type where it is no object."""
    if not isinstance(plain, dict):
        lost.events += 1
        return TraceEvent()
    args = plain.get("args")
    args = args if isinstance(args, dict) else {}
    lost.odd_fields += sum(
        name in plain and not isinstance(plain[name], str) for name in ("ph", "cat", "name")
    )
    stack = args.get("Call stack")
    return TraceEvent(
        ph=_text(plain.get("ph")),
        cat=_text(plain.get("cat")),
        name=_text(plain.get("name")),
        ts=_number(plain.get("ts")),
        dur=_number(plain.get("dur")),
        pid=_scalar(plain.get("pid")),
        tid=_scalar(plain.get("tid")),
        args=Arguments(
            device=_scalar(args.get("device")),
            stream=_scalar(args.get("stream")),
            correlation=_scalar(args.get("correlation")),
            bytes=_scalar(args.get("bytes")),
            call_stack=stack if isinstance(stack, str) else None,
        ),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return NOT_A_NUMBER
    try:
        return float(value)
    except (ValueError, OverflowError):
        return NOT_A_NUMBER


def _scalar(value: object) -> Scalar:
    return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None


def plain_objects(text: bytes) -> Iterator[dict[str, Any]]:
    """Yield what is around the list of events as an object, if it is one; its damaged end is left out."""
    shown = text.decode("utf-8", "replace")
    for candidate in (shown, shown.rstrip().rstrip(",") + "}"):
        try:
            value = LENIENT.decode(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value
            return
