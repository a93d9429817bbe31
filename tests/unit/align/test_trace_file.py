"""Traces in all forms that torch, other tools and full disks give them."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import numpy as np
import pytest

from tests.unit.flows.trace_scenes import host, launched, on_device, training
from throughput.align import trace_file, trace_stream
from throughput.align.trace_file import read_trace
from throughput.errors import DamagedFile
from throughput.model.timeline import DEVICE_KINDS
from throughput.model.trace import SpanKind, TraceEvents

EVENTS = training(3)
SPANS = len(EVENTS)


def read(data: bytes) -> TraceEvents:
    return read_trace(io.BytesIO(data), "trace.json")


def plain(events: list[Any] | None = None, **more: Any) -> bytes:
    return json.dumps(
        {"schemaVersion": 1, **more, "traceEvents": EVENTS if events is None else events}
    ).encode()


def count(events: TraceEvents) -> int:
    return len(events.host.kind) + len(events.device.kind)


WHOLE = plain()
FORMS = {
    "compact": WHOLE,
    "indented": json.dumps({"traceEvents": EVENTS, "traceName": "x"}, indent=2).encode(),
    "gzip": gzip.compress(WHOLE),
    "two members": gzip.compress(WHOLE[:500]) + gzip.compress(WHOLE[500:]),
    "padded gzip": gzip.compress(WHOLE) + b"\0" * 512,
    "a list": json.dumps(EVENTS).encode(),
    "byte order mark": b"\xef\xbb\xbf" + WHOLE,
    "utf-16": WHOLE.decode().encode("utf-16"),
    "utf-16 without mark": WHOLE.decode().encode("utf-16-le"),
    "utf-32": WHOLE.decode().encode("utf-32"),
    "other lists": json.dumps({"traceEvents": EVENTS, "other": [{"a": 1}, {"name": 2}]}).encode(),
    "carriage returns": json.dumps({"traceEvents": EVENTS}, indent=1).replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("block", [4_000_000, 700])
def test_every_form_gives_the_same(form: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_stream, "BLOCK_BYTES", block)
    monkeypatch.setattr(trace_stream, "SLICE_BYTES", min(block, 32_768))
    found = read(FORMS[form])
    assert count(found) == SPANS
    assert found.notes == ()
    first = found.host.start_ns.min()
    assert first == 1_000_000_000
    kinds = [DEVICE_KINDS[k].value for k in found.device.kind[:3]]
    assert kinds == ["host_to_device", "compute", "communication"]


def test_arguments_that_hold_lists_of_objects_are_no_end_of_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_stream, "BLOCK_BYTES", 300)
    nested = [
        host("cpu_op", "x", n, 1, shapes=[{"name": "a"}, {"name": "b"}], text='}, {"ph"') for n in range(50)
    ]
    found = read(plain(nested))
    assert count(found) == 50
    assert found.notes == ()


def test_the_head_and_the_tail_are_read() -> None:
    data = json.dumps({
        "distributedInfo": {"backend": "nccl", "rank": 3, "world_size": 8},
        "deviceProperties": [{"id": 0, "name": "NVIDIA A100-SXM4-80GB"}, {"id": "x"}, 5],
        "with_stack": 1, "traceEvents": EVENTS, "baseTimeNanoseconds": 1_700_000_000_000_000_000,
    }).encode()  # fmt: skip
    found = read(data)
    assert (found.rank, found.world_size) == (3, 8)
    assert found.device_names == {0: "NVIDIA A100-SXM4-80GB"}
    assert found.facts["base_ns"] == 1_700_000_000_000_000_000
    assert found.facts["with_stack"] == 1


def test_times_are_exact_where_they_count_from_1970_and_in_fractions() -> None:
    at = 1_623_142_623_531_625
    found = read(plain([host("cpu_op", "a", at, 2), host("cpu_op", "b", 4203669604595.5, 340.25)]))
    assert found.host.start_ns.tolist() == [4_203_669_604_595_500, at * 1000]
    assert (found.host.end_ns - found.host.start_ns).tolist() == [340_250, 2000]


def test_what_a_device_ran_is_told_by_category_never_by_stream() -> None:
    events = [
        host("cpu_op", "triton_poi_fused", 1, 2, stream=7),
        on_device("kernel", "dpsk::ep::dispatch", 2, 2, stream=0),
        on_device("gpu_memcpy", "Memcpy PtoP (Device -> Device)", 3, 2) | {"args": {}, "pid": 3},
        on_device("gpu_memcpy", "CopyHostToDevice", 4, 2, stream="0x0"),
        on_device("gpu_user_annotation", "ProfilerStep#1", 1, 9),
        on_device("cuda_sync", "Stream Sync", 1, 9),
    ]
    found = read(plain(events))
    kinds = [DEVICE_KINDS[k].value for k in found.device.kind]
    assert kinds == ["communication", "other_memory", "host_to_device"]
    assert found.device.device.tolist() == [0, 3, 0]
    assert found.host.kind.tolist() == [int(SpanKind.OPERATOR)]
    assert found.notes == ()


def test_pairs_of_begin_and_end_are_spans() -> None:
    pairs: list[Any] = []
    for event in EVENTS:
        pairs.append({k: v for k, v in event.items() if k != "dur"} | {"ph": "B"})
        pairs.append({"ph": "E", "name": event["name"], "pid": event["pid"], "tid": event["tid"],
                      "ts": event["ts"] + event["dur"]})  # fmt: skip
    found = read(plain(pairs))
    assert count(found) == SPANS
    assert found.notes == ()
    whole = read(WHOLE)
    assert np.array_equal(np.sort(found.device.start_ns), np.sort(whole.device.start_ns))
    assert np.array_equal(np.sort(found.device.end_ns), np.sort(whole.device.end_ns))


ODD = {
    "null": {"name": None},
    "no time": {"ts": None},
    "text for a time": {"ts": "soon"},
    "negative": {"dur": -5},
    "a week": {"dur": 1e13},
    "no category": {"cat": None},
    "no thread": {"tid": None},
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_fields_are_named(kind: str) -> None:
    events = [*EVENTS, EVENTS[0] | ODD[kind]]
    found = read(plain(events))
    assert SPANS <= count(found) <= SPANS + 1
    assert found.notes


def test_numbers_as_text_and_odd_arguments_are_read() -> None:
    events = [
        host("cpu_op", "a", 5, 5) | {"ts": "5.5", "dur": "2"},
        host("cpu_op", "b", 5, 5) | {"args": []},
        host("cpu_op", "c", 5, 5) | {"args": None},
        on_device("kernel", "k", 1, 2)
        | {"args": {"device": "1", "stream": [], "correlation": {}, "bytes": -5}},
        on_device("kernel", "k", 1, 2) | {"args": {"device": True, "correlation": 2**70}, "pid": "x"},
    ]
    found = read(plain(events))
    assert count(found) == 5
    assert sorted(found.device.device.tolist()) == [0, 1]
    assert set(found.device.correlation.tolist()) == {-1}


def test_names_that_are_no_text_are_read() -> None:
    data = plain([host("cpu_op", "gemm?", 0, 1), *EVENTS]).replace(b"gemm?", b"gemm\xe7\xff")
    found = read(data)
    assert count(found) == SPANS + 1
    assert any(name.startswith("gemm") for name in found.names)


def test_control_characters_and_numbers_that_are_none_are_read() -> None:
    data = plain([host("cpu_op", "a?b", 0, 1, flops=0), *EVENTS])
    data = data.replace(b"a?b", b"a\n\x01b").replace(b'"flops": 0', b'"flops": NaN')
    assert count(read(data)) == SPANS + 1


@pytest.mark.parametrize("end", range(400, len(WHOLE), 997))
def test_a_file_that_was_cut_off_gives_what_is_there(end: int) -> None:
    try:
        found = read(WHOLE[:end])
    except DamagedFile:
        assert end < 800
        return
    assert any("ends in the middle" in note for note in found.notes)
    assert count(found) >= (end - 800) // 250


def test_a_gzip_file_that_was_cut_off_or_damaged_gives_what_is_there() -> None:
    events = [host("cpu_op", f"operator {n}", n, 1, random=str(hash((n, "x")))) for n in range(20_000)]
    zipped = gzip.compress(plain(events))
    cut = read(zipped[: len(zipped) // 2])
    assert 8_000 < count(cut) < 12_000
    assert any("could not be read to its end" in note for note in cut.notes)
    broken = bytearray(zipped)
    broken[-6] ^= 255  # its checksum
    assert count(read(bytes(broken))) > 15_000


def test_a_damaged_event_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_stream, "BLOCK_BYTES", 2_000)
    for wrong, right in ((b'"dur" 300', b'"dur": 300'), (b'"ph: "X"', b'"ph": "X"'), (b"{{", b"{")):
        at = WHOLE.index(right, len(WHOLE) // 2)
        found = read(WHOLE[:at] + wrong + WHOLE[at + len(right) :])
        assert SPANS - 2 <= count(found) < SPANS, wrong
        assert any("damaged events were left out" in note for note in found.notes)


NO_TRACES = {
    "nothing": b"",
    "spaces": b"  \n",
    "zipped nothing": gzip.compress(b""),
    "a page": b"<!doctype html><title>404</title>",
    "no events": b'{"traceEvents": []}',
    "an empty list": b"[]",
    "other JSON": b'{"a": [1, 2, 3]}',
    "numbers": b"[1, 2, 3]",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    "half a gzip head": b"\x1f\x8b\x08",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", NO_TRACES)
def test_what_is_no_trace_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(DamagedFile) as refused:
        read(NO_TRACES[name])
    assert "trace.json" in refused.value.what
    assert refused.value.hint


def test_memory_is_bounded_by_the_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_stream, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(trace_file, "HELD_BYTES_MAX", 5_000)
    odd = host("cpu_op", "x" * 20_000, 1, 1)
    found = read(plain([*EVENTS, odd, *EVENTS]))
    assert 2 * SPANS - 2 <= count(found) <= 2 * SPANS + 1


def test_launches_and_devices_are_matched() -> None:
    found = read(plain(launched(5, 10, 20, 4)))
    assert found.host.correlation.tolist() == found.device.correlation.tolist() == [5]
