"""A run's devices: their work takes what it took under the profiler, idle time shrinks with the step."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import live_trace
from throughput.attribute.device import fitted_into
from throughput.attribute.traced_block import devices_of_block
from throughput.model.category import Block
from throughput.model.timeline import Step
from throughput.model.trace import RankTrace

MS = 1_000_000
STEP_MS = 10


def traced(steps: int, *, waits: bool = False) -> RankTrace:
    """Return steps of 10 ms: an operator of 6 ms launches a kernel that runs from 4 to 8 ms."""
    events: list[dict[str, Any]] = []
    for number in range(steps):
        at = number * STEP_MS * 1000

        def span(cat: str, name: str, ts: float, dur: float, at: float = at, **args: Any) -> None:
            pid, tid = (0, 7) if cat == "kernel" else (50, 51)
            event = {"ph": "X", "cat": cat, "name": name, "ts": at + ts, "dur": dur, "args": args}
            events.append(event | {"pid": pid, "tid": tid})

        span("cpu_op", "aten::mm", 0, 6000)
        span("cuda_runtime", "cudaLaunchKernel", 3900, 10, correlation=number)
        span("kernel", "gemm", 4000, 4000, device=0, stream=7, correlation=number)
        if waits:
            span("cpu_op", "aten::item", 7000, 2000)
            span("cuda_runtime", "cudaStreamSynchronize", 7100, 900, correlation=1000 + number)
    marks = tuple(
        Step(index=n, start_ns=n * STEP_MS * MS, end_ns=(n + 1) * STEP_MS * MS, block=Block.TORCH)
        for n in range(steps)
    )
    raw = io.BytesIO(json.dumps({"traceEvents": events}).encode())
    return live_trace(read_trace(raw, "trace"), marks, 51, 0)


def test_work_stays_and_idle_time_shrinks_with_the_step() -> None:
    (device,), replay = devices_of_block(traced(5), 7.0 * MS)
    assert device.busy_share == pytest.approx(4 / 7)
    assert device.idle_share == pytest.approx(3 / 7)
    assert sum(cause.share for cause in device.idle) == pytest.approx(3 / 7, abs=0.01)
    # 6 of 10 ms were idle; in 4 of them the operator ran, before it had launched anything.
    assert device.dispatch_ns_per_step == pytest.approx(4 * MS * 3 / 6, rel=0.05)
    assert replay is not None
    assert replay.step_ns == pytest.approx(7.0 * MS, rel=0.01)
    assert abs(replay.error) < 0.01


def test_as_traced_where_tracing_cost_nothing() -> None:
    (device,), _ = devices_of_block(traced(5), 10.0 * MS)
    assert device.busy_share == pytest.approx(0.4)
    assert [share.exposed for share in device.categories if share.category.value == "compute"] == [
        pytest.approx(0.4)
    ]


def test_a_step_shorter_than_its_kernels_is_all_busy() -> None:
    (device,), _ = devices_of_block(traced(5), 3.0 * MS)
    assert (device.busy_share, device.idle_share) == (1.0, 0.0)


def test_without_a_trace_there_are_no_devices() -> None:
    assert devices_of_block(None, 1.0) == ((), None)
    assert devices_of_block(traced(2), 0.0) == ((), None)


AMOUNTS = st.lists(st.floats(0, 1e9), min_size=4, max_size=4)


@given(st.lists(AMOUNTS, min_size=10, max_size=10), st.lists(st.floats(0, 1e9), min_size=10, max_size=10))
def test_device_time_fits_into_the_phases(exposed: list[list[float]], phases: list[float]) -> None:
    wanted, room = np.array(exposed), np.array(phases)
    found = fitted_into(wanted, room)
    slack = 1e-6 * max(1.0, float(room.sum()))
    assert (found >= 0).all()
    assert (found.sum(axis=1) <= room + slack).all()
    assert found.sum() == pytest.approx(min(wanted.sum(), room.sum()), rel=1e-6, abs=slack + 10)
