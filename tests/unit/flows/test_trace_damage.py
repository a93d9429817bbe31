"""Whatever is done to a good trace: the same shares, or a note that says what was lost, or one sentence."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.flows.trace_scenes import training
from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import rank_trace
from throughput.attribute.trace import attribute_trace
from throughput.errors import DamagedFile
from throughput.model.attribution import Attribution
from throughput.model.category import Category

HEAD = {"schemaVersion": 1, "distributedInfo": {"rank": 0, "world_size": 2}}
EVENTS = training(5)
POINT = 0.0101


def attributed(data: bytes) -> tuple[Attribution, tuple[str, ...]]:
    trace = rank_trace(read_trace(io.BytesIO(data), "trace.json"), 0)
    return attribute_trace(trace), trace.timeline.notes


def shares(found: Attribution) -> dict[Category, float]:
    return {row.category: row.share or 0.0 for row in found.split}


def whole(events: list[Any]) -> bytes:
    return json.dumps(HEAD | {"traceEvents": events}).encode()


CLEAN, NO_NOTES = attributed(whole(EVENTS))


def holds(data: bytes) -> None:
    """Assert what must hold of any file."""
    try:
        found, notes = attributed(data)
    except DamagedFile:
        return
    assert sum(shares(found).values()) == pytest.approx(1, abs=1e-6) or not found.steps
    clean, now = shares(CLEAN), shares(found)
    assert notes or all(abs(clean[c] - now[c]) <= POINT for c in clean)


def test_the_clean_one_has_no_notes() -> None:
    assert NO_NOTES == ()
    assert shares(CLEAN)[Category.DATA_LOADING] == pytest.approx(0.3)
    assert shares(CLEAN)[Category.COMPUTE] == pytest.approx(0.3)
    assert shares(CLEAN)[Category.COMMUNICATION] == pytest.approx(0.28)
    assert shares(CLEAN)[Category.HOST_TO_DEVICE] == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize(
    "wanted", [("kernel",), ("gpu_memcpy",), ("cpu_op",), ("cuda_runtime",), ("user_annotation",)]
)
def test_one_kind_of_span_alone(wanted: tuple[str, ...]) -> None:
    holds(whole([event for event in EVENTS if event["cat"] in wanted]))
    holds(whole([event for event in EVENTS if event["cat"] not in wanted]))


@settings(max_examples=60)
@given(st.integers(0, len(whole(EVENTS))))
def test_cut_off_anywhere(end: int) -> None:
    holds(whole(EVENTS)[:end])


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.binary(max_size=4), st.integers(0, 8))
def test_bytes_of_structure_replaced(at: int, instead: bytes, removed: int) -> None:
    data = whole(EVENTS)
    # Digits and letters of values can change what a trace says without a sign: only what holds it together.
    structure = [n for n, byte in enumerate(data) if byte in b'{}[],:"']
    place = structure[at % len(structure)]
    if any(48 <= byte <= 57 for byte in data[place : place + removed] + instead):
        return
    holds(data[:place] + instead + data[place + removed :])


FIELDS = ("ph", "cat", "name", "ts", "dur", "pid", "tid", "args")
VALUES = st.sampled_from([None, [], {}, True, "", "text", -1, 1e300, 2**70, [{"ph": "X"}]])


@settings(max_examples=80)
@given(st.data())
def test_fields_removed_or_replaced(data: st.DataObject) -> None:
    events = [dict(event) for event in EVENTS]
    for _ in range(data.draw(st.integers(1, 4))):
        event = events[data.draw(st.integers(0, len(events) - 1))]
        name = data.draw(st.sampled_from(FIELDS))
        if data.draw(st.booleans()):
            event.pop(name, None)
        elif name not in ("name", "cat", "ph", "pid", "tid"):
            event[name] = data.draw(VALUES)
        else:
            event[name] = data.draw(st.sampled_from([None, [], {}, True]))
    holds(whole(events))


@settings(max_examples=30)
@given(st.permutations(EVENTS), st.integers(0, 30))
def test_events_in_any_order_and_repeated(events: list[Any], number: int) -> None:
    found, notes = attributed(whole([*events, *events[:number]]))
    marks = [e for e in events[:number] if "ProfilerStep" in e["name"]]
    if not marks:
        assert notes == ()
        assert shares(found) == pytest.approx(shares(CLEAN))


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_zipped_byte_flipped(at: int, by: int) -> None:
    data = bytearray(gzip.compress(whole(EVENTS), mtime=0))
    data[at % len(data)] ^= by
    holds(bytes(data))


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    holds(data)
    holds(b'{"traceEvents": [' + data)


def test_the_damaged_files_of_others(traces: Path) -> None:
    read_, refused = 0, 0
    for path in sorted((traces / "malformed").iterdir()):
        try:
            with path.open("rb") as file:
                trace = rank_trace(read_trace(file, path.name), 0)
        except DamagedFile:
            refused += 1
            continue
        read_ += 1
        found = attribute_trace(trace)
        assert found.steps, path.name
        assert sum(shares(found).values()) == pytest.approx(1, abs=1e-6)
    assert refused == 2  # the empty one and the page
    assert read_ == 10
