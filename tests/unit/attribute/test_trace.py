"""Traces of a training that never was: split, idle gaps by cause, who starved the device, replay, ranks."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.flows.trace_scenes import host, launched, on_device, training
from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import rank_trace
from throughput.attribute.trace import attribute_trace
from throughput.attribute.trace_ranks import collectives_of, imposed, stragglers
from throughput.model.attribution import Attribution, DeviceSplit
from throughput.model.category import Category, State
from throughput.model.nesting import nesting_of
from throughput.model.trace import RankTrace


def trace_of(events: list[Any], rank: int = 0, **head: Any) -> RankTrace:
    data = json.dumps(head | {"traceEvents": events}).encode()
    return rank_trace(read_trace(io.BytesIO(data), "trace.json"), rank)


def attributed(events: list[Any], **head: Any) -> Attribution:
    return attribute_trace(trace_of(events, **head))


def shares(found: Attribution) -> dict[Category, float]:
    return {row.category: row.share for row in found.split if row.share}


def causes(one: DeviceSplit) -> dict[str, float]:
    return {cause.cause: cause.share for cause in one.idle}


def test_each_device_is_split_and_the_split_is_their_mean() -> None:
    events = [*training(4), *(e for e in training(4, device=1) if e["cat"] in ("kernel", "gpu_memcpy"))]
    events = [e for e in events if not (e["cat"] == "kernel" and e["pid"] == 1 and "nccl" in e["name"])]
    found = attributed(events)
    by_device = {one.device: {s.category: s.exposed for s in one.categories} for one in found.devices}
    assert by_device[0][Category.COMMUNICATION] == pytest.approx(0.28)
    assert by_device[1][Category.COMMUNICATION] == 0
    assert shares(found)[Category.COMMUNICATION] == pytest.approx(0.14)
    for step in found.steps:
        assert sum(step.parts_ns.values()) == step.duration_ns


def test_what_a_trace_does_not_show_is_not_measured() -> None:
    rows = {row.category: row for row in attributed(training(4)).split}
    for category in (Category.LOCK_CONTENTION, Category.CPU_STARVED, Category.LOGGING_CHECKPOINT):
        assert rows[category].state is State.NOT_MEASURED
        assert rows[category].share is None
        assert rows[category].reason


def test_compute_claims_time_before_communication_before_copies() -> None:
    events = [
        host("user_annotation", "ProfilerStep#0", 0, 100),
        on_device("kernel", "gemm", 10, 30, stream=1),
        on_device("kernel", "ncclKernel_AllReduce", 20, 40, stream=2),
        on_device("gpu_memcpy", "Memcpy HtoD (Pinned -> Device)", 50, 30, stream=3),
        on_device("gpu_memset", "Memset (Device)", 70, 20, stream=4),
    ]
    found = shares(attributed(events))
    assert found[Category.COMPUTE] == pytest.approx(0.3)
    assert found[Category.COMMUNICATION] == pytest.approx(0.2)
    assert found[Category.HOST_TO_DEVICE] == pytest.approx(0.2)
    assert found[Category.OTHER_MEMORY] == pytest.approx(0.1)


def test_gaps_are_told_apart_and_name_who_starved_the_device() -> None:
    events = [
        host("user_annotation", "ProfilerStep#0", 0, 1_000),
        *launched(1, 0, 10, 90),
        *launched(2, 20, 110, 90),  # queued long ago: a pause of 10 us
        *launched(3, 30, 400, 100),  # queued long ago, but 200 us late
        host("python_function", "train.py(12): main", 0, 1_000),
        host("cpu_op", "aten::sort", 510, 280),
        *launched(4, 780, 800, 200),  # nothing was queued
    ]
    (one,) = attributed(events).devices
    assert causes(one) == pytest.approx({"host_wait": 0.31, "kernel_wait": 0.01, "other": 0.2})
    (waits,) = (cause for cause in one.idle if cause.cause == "host_wait")
    assert waits.starvers[0].name == "aten::sort"
    assert waits.starvers[0].share == pytest.approx(0.28, abs=0.01)
    assert waits.starvers[0].where is not None
    assert (waits.starvers[0].where.file, waits.starvers[0].where.line) == ("train.py", 12)


def test_a_wait_for_the_device_is_blamed_for_what_follows() -> None:
    events: list[Any] = []
    for step in range(4):
        at = 1_000.0 * step
        events += [
            host("user_annotation", f"ProfilerStep#{step}", at, 1_000),
            *launched(10 * step, at + 5, at + 10, 400),
            host("cpu_op", "aten::item", at + 50, 370),
            host("cuda_runtime", "cudaStreamSynchronize", at + 60, 352),
            *launched(10 * step + 1, at + 600, at + 610, 390),
        ]
    (one,) = attributed(events).devices
    assert one.after_sync[0].name == "aten::item"
    assert one.after_sync[0].ns_per_step == pytest.approx(198_000, rel=0.05)


def test_python_stacks_say_what_waits_and_whose_line_it_is() -> None:
    events = [
        host("user_annotation", "ProfilerStep#0", 0, 1_000),
        host("python_function", "train.py(5): main", 0, 1_000),
        host("python_function", "/opt/lib/python3.9/site-packages/tqdm/std.py(20): update", 100, 200),
        host("python_function", "<built-in function sleep>", 400, 300),
        *launched(1, 800, 900, 100),
    ]
    found = attributed(events)
    assert shares(found)[Category.LOGGING_CHECKPOINT] == pytest.approx(0.2)
    assert shares(found)[Category.IDLE] == pytest.approx(0.3)
    spot = next(h for h in found.hotspots if h.category is Category.LOGGING_CHECKPOINT)
    assert spot.caller is not None
    assert (spot.caller.file, spot.caller.line) == ("train.py", 5)


def test_an_unchanged_replay_meets_the_trace_and_a_changed_one_is_faster() -> None:
    found = attributed(training(6, loading=400)).trace_replay
    assert found is not None
    assert abs(found.error) < 0.03
    told = {one.change: one.speedup for one in found.changed}
    assert told["loading"] == pytest.approx(1000 / 600, rel=0.05)
    assert all(speedup >= 1 for speedup in told.values())


def test_who_comes_last_imposes_the_time_after_the_last_but_one() -> None:
    traces = [trace_of(training(5, late=late), rank) for rank, late in enumerate((0, 20, 150, 0))]
    rows = imposed([collectives_of(t) for t in traces], [attribute_trace(t) for t in traces])
    assert [row.ns_per_step for row in rows] == pytest.approx([0, 0, 130_000, 0])
    (late,) = stragglers(rows)
    assert (late.rank, late.share) == (2, pytest.approx(0.13))
    assert stragglers(rows[:2]) == ()


def test_clocks_of_hosts_may_differ() -> None:
    moved = [e | {"ts": e["ts"] + 7_777_777} for e in training(5)]
    traces = [trace_of(training(5, late=100), 0), trace_of(moved, 1), trace_of(training(5), 2)]
    rows = imposed([collectives_of(t) for t in traces], [attribute_trace(t) for t in traces])
    assert [row.ns_per_step for row in rows] == pytest.approx([100_000, 0, 0])


def test_one_rank_or_none_in_common_imposes_nothing() -> None:
    one = trace_of(training(3))
    alone = trace_of([e for e in training(3) if "nccl" not in e["name"]], 1)
    assert imposed([collectives_of(one)], [attribute_trace(one)]) == ()
    both = [one, alone]
    assert imposed([collectives_of(t) for t in both], [attribute_trace(t) for t in both]) == ()


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=1, max_size=30)


@given(SPANS)
def test_nesting_of_any_spans(rows: list[tuple[int, int]]) -> None:
    start = np.array([a for a, _ in rows], dtype=np.int64) * 10
    end = start + np.array([b for _, b in rows], dtype=np.int64) * 10
    order = np.lexsort((-end, start))
    start, end = start[order], end[order]
    nesting = nesting_of(start, end)
    for child, parent in enumerate(nesting.parent.tolist()):
        assert parent < child
        if parent >= 0:
            assert start[parent] <= start[child] < nesting.end_ns[parent]
    begins, ends, _inner = nesting.stretches()
    assert (ends > begins).all()
    assert (begins[1:] == ends[:-1]).all()


def test_nesting_names_the_innermost() -> None:
    nesting = nesting_of(np.array([0, 10, 20, 60]), np.array([100, 50, 30, 70]))
    assert nesting.parent.tolist() == [-1, 0, 1, 0]
    assert nesting.innermost(np.array([5, 25, 40, 55, 65, 200])).tolist() == [0, 2, 1, 0, 3, -1]
    begins, _ends, inner = nesting.stretches()
    assert dict(zip(begins.tolist(), inner.tolist(), strict=True)) == {
        0: 0,
        10: 1,
        20: 2,
        30: 1,
        50: 0,
        60: 3,
        70: 0,
    }
    assert nesting.climb(np.array([2, 3]), np.array([True, False, False, False])).tolist() == [0, 0]
