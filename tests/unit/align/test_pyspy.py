"""py-spy's Chrome trace: written here as py-spy writes it, read back to the stacks that were sampled."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.align.pyspy_traces import written
from throughput.align.pyspy import RawSamples, read_pyspy
from throughput.errors import DamagedFile

Sample = tuple[int, int, int, tuple[str, ...]]
"""us, process, thread, functions (outermost first)."""


def chrome_trace(samples: list[Sample]) -> list[dict[str, Any]]:
    """Return the events that py-spy writes when it sampled these."""
    return written(
        (ts, pid, tid, ((f"process {pid}:python", "", 0), *((f, f"/p/{f}.py", 7) for f in functions)))
        for ts, pid, tid, functions in samples
    )


def read(events: list[dict[str, Any]]) -> RawSamples:
    return read_pyspy(io.BytesIO(json.dumps(events).encode()))


def seen_at(raw: RawSamples, pid: int, tid: int, us: float) -> list[tuple[str, ...]]:
    """Return the functions of each stretch of a thread that holds an instant."""
    inside = (raw.pid == pid) & (raw.tid == tid) & (raw.start_us <= us) & (raw.end_us > us)
    return [tuple(frame[0] for frame in raw.stacks[number]) for number in raw.stack[inside]]


STACKS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple)


@given(st.lists(st.tuples(st.integers(0, 3), STACKS, STACKS, STACKS), min_size=2, max_size=25))
def test_forked_workers_that_share_a_thread_id(rounds: list[Any]) -> None:
    """Three processes with one thread id, and a thread of the first with an id of its own."""
    samples: list[Sample] = []
    for number, (gap, main, worker, other) in enumerate(rounds):
        at = number * 1_000
        samples += [(at, 1, 9, main), (at + gap, 2, 9, worker), (at + gap, 3, 9, other), (at, 1, 8, main)]
    samples.sort(key=lambda s: s[0])
    raw = read(chrome_trace(samples))
    for pid, tid in ((1, 9), (2, 9), (3, 9), (1, 8)):
        mine = [s for s in samples if s[1:3] == (pid, tid)]
        for sample, later in pairwise(mine):
            assert seen_at(raw, pid, tid, (sample[0] + later[0]) / 2) == [sample[3]]


def test_an_unchanged_stack_holds_until_it_changes() -> None:
    raw = read(
        chrome_trace([(0, 1, 9, ("a",)), (5, 1, 9, ("a",)), (10, 1, 9, ("a", "b")), (15, 1, 9, ("a",))])
    )
    assert list(zip(raw.start_us.tolist(), raw.end_us.tolist(), strict=True)) == [(0, 10), (10, 15)]
    assert [raw.stacks[n] for n in raw.stack.tolist()] == [
        (("a", "/p/a.py", 7),),
        (("a", "/p/a.py", 7), ("b", "/p/b.py", 7)),
    ]


def test_a_worker_that_ended_doesnt_last_to_the_end_of_the_file() -> None:
    samples: list[Sample] = []
    for at in range(0, 100, 10):
        samples.append((at, 1, 9, ("train",)))
        if at < 50:
            samples.append((at + 2, 2, 9, ("work",)))
    samples += [(5_000, 1, 9, ("train", "save")), (9_000, 1, 9, ("train",))]
    raw = read(chrome_trace(samples))
    assert seen_at(raw, 2, 9, 45) == [("work",)]
    assert seen_at(raw, 2, 9, 3_000) == []
    assert seen_at(raw, 1, 9, 3_000) == [("train",)]
    assert seen_at(raw, 1, 9, 8_000) == [("train", "save")]


@pytest.mark.parametrize("between", [",", ",\n"])
def test_a_file_that_was_cut_off_keeps_its_whole_events(between: str) -> None:
    events = chrome_trace([(n * 10, 1, 9, ("a", "abc"[n % 3])) for n in range(30)])
    text = "[" + between.join(json.dumps(e) for e in events)
    whole = read_pyspy(io.BytesIO((text + "]").encode()))
    cut = read_pyspy(io.BytesIO(text[: len(text) * 2 // 3].encode()))
    assert 10 < len(cut.pid) < len(whole.pid)
    shorter = len(cut.pid) - 1
    assert cut.start_us[:shorter].tolist() == whole.start_us[:shorter].tolist()


def test_events_damaged_in_the_middle_are_left_out() -> None:
    lines = [json.dumps(e) for e in chrome_trace([(n * 10, 1, 9, ("a", "abc"[n % 3])) for n in range(30)])]
    lines[10] = '{"ph": "B", "pid": tru'
    raw = read_pyspy(io.BytesIO(("[" + ",".join(lines) + "]").encode()))
    assert len(raw.pid) > 5


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"{}", b'[{"ph": 1}]', b"[[[[\n]]", b'{"a":\n1}', b"\x00" * 99]
)
def test_no_trace_at_all(data: bytes) -> None:
    with pytest.raises(DamagedFile):
        read_pyspy(io.BytesIO(data))


def test_an_empty_trace_has_no_stretches() -> None:
    assert len(read([]).pid) == 0


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "ph": st.sampled_from(["B", "E", "X"]),
                "pid": st.integers(0, 3),
                "tid": st.integers(0, 3),
                "ts": st.integers(0, 50),
                "name": st.sampled_from(["a", "b", "process 1:x"]),
                "args": st.fixed_dictionaries(
                    {"filename": st.sampled_from(["", "f"]), "line": st.integers(0, 3)}
                ),
            }
        ),
        max_size=40,
    )
)
def test_any_events_give_sound_stretches(events: list[dict[str, Any]]) -> None:
    raw = read(events)
    assert (raw.end_us > raw.start_us).all()
    assert (raw.start_us[1:] >= raw.start_us[:-1]).all()
    assert ((raw.stack >= 0) & (raw.stack < max(len(raw.stacks), 1))).all()
