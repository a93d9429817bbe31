"""Hand-made traces: which copies block, which operator waits, which kernels communicate; odd fields."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from throughput.align.device_trace import work_of
from throughput.align.torch_trace import load_trace, operators_of, training_tid
from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import live_trace
from throughput.errors import DamagedFile
from throughput.model.category import Block
from throughput.model.timeline import DEVICE_KINDS, Step

BASE = 1_700_000_000_000_000_000
STEPS = tuple(
    Step(index=n, start_ns=n * 500_000_000, end_ns=(n + 1) * 500_000_000, block=Block.TORCH) for n in (0, 1)
)
SHOWN = ("direction", "pinned", "blocking", "name", "ns", "bytes", "count")


def span(cat: str, name: str, ts: float, dur: float, **args: Any) -> dict[str, Any]:
    on_device = cat.startswith(("gpu", "kernel"))
    pid, tid = (0, 7) if on_device else (50, 51)
    return {"ph": "X", "cat": cat, "name": name, "pid": pid, "tid": tid, "ts": ts, "dur": dur, "args": args}


def copy(ts: float, name: str, number: int, size: int = 1000) -> list[dict[str, Any]]:
    """Return a copy of 10 us and its launch 5 us before."""
    return [
        span("cuda_runtime", "cudaMemcpyAsync", ts - 5, 3, correlation=number),
        span("gpu_memcpy", name, ts, 10, device=0, correlation=number, bytes=size),
    ]


def written(events: list[Any]) -> io.BytesIO:
    return io.BytesIO(json.dumps({"baseTimeNanoseconds": BASE, "traceEvents": events}).encode())


def load(events: list[Any]) -> Any:
    return load_trace(written(events))


def facts(events: list[Any], steps: tuple[Step, ...] = STEPS) -> dict[str, Any]:
    trace = live_trace(read_trace(written(events), "trace"), steps, 51, 0)
    found = dict(trace.timeline.facts.get("device") or {})
    for name in ("copies", "syncs"):
        if name in found:
            found[name] = [{key: row[key] for key in SHOWN if key in row} for row in found[name]]
    return found


def test_a_copy_blocks_where_its_operator_waits() -> None:
    waits = [
        span("cpu_op", "aten::to", 90, 60),
        span("cpu_op", "aten::copy_", 92, 55),
        *copy(100, "Memcpy HtoD (Pageable -> Device)", 1),
        span("cuda_runtime", "cudaStreamSynchronize", 100, 12, correlation=2),
    ]
    runs_on = [
        span("cpu_op", "aten::copy_", 292, 15),
        *copy(300, "Memcpy HtoD (Pinned -> Device)", 3),
        span("cuda_runtime", "cudaStreamSynchronize", 320, 12),
    ]
    found = facts(waits + runs_on)
    assert found["copies"] == [
        {"direction": "h2d", "pinned": False, "blocking": True, "ns": 10_000, "bytes": 1000, "count": 1},
        {"direction": "h2d", "pinned": True, "blocking": False, "ns": 10_000, "bytes": 1000, "count": 1},
    ]
    assert found["syncs"] == [{"name": "cudaStreamSynchronize", "ns": 12_000, "count": 1}]
    assert found["steps"] == 2


def test_reads_of_numbers_are_named_by_their_operator() -> None:
    events: list[Any] = []
    for at, operator in ((100, "aten::_local_scalar_dense"), (200, "aten::copy_"), (300, "aten::copy_")):
        events += [
            span("cpu_op", "aten::item", at - 10, 60),
            span("cpu_op", operator, at - 8, 50),
            *copy(at, "Memcpy DtoH (Device -> Pageable)", at),
            span("cuda_runtime", "cudaStreamSynchronize", at, 20),
        ]
    assert facts(events)["syncs"] == [
        {"name": "aten::_local_scalar_dense", "ns": 20_000, "count": 1},
        {"name": "aten::copy_ to the cpu", "ns": 40_000, "count": 2},
    ]


def test_waits_of_other_threads_are_theirs() -> None:
    other = span("cuda_runtime", "cudaStreamSynchronize", 10, 20) | {"tid": 99}
    found = facts([other, span("cpu_op", "aten::mm", 2, 2), span("kernel", "gemm", 5, 5, device=0)])
    assert found["syncs"] == []


def test_kernels_are_merged_by_device_and_told_from_collectives() -> None:
    events = [
        span("kernel", "gemm", 0, 10, device=0),
        span("kernel", "gemm", 5, 10, device=0),
        span("kernel", "gemm", 5, 10, device=1),
        span("kernel", "ncclDevKernel_AllReduce_Sum_f32_RING_LL", 20, 5, device=0),
        span("kernel", "dpsk::ep::dispatch", 30, 5, device=0),
        span("kernel", "at::native::reduce_kernel<512, 1>", 40, 5, device=0),
        span("gpu_memset", "Memset (Device)", 50, 1, device=0),
        span("gpu_memcpy", "Memcpy PtoP (Device -> Device)", 60, 1),
    ]
    assert facts(events)["kernels"] == {"count": 6, "busy_ns": 15_000 + 10_000 + 15_000}
    work = work_of(load(events), -BASE)
    kinds = [DEVICE_KINDS[k].value for k in work.kind]
    assert kinds == ["compute"] * 3 + ["communication"] * 2 + ["compute"] + ["other_memory"] * 2
    assert (work.start_ns[0], work.end_ns[0]) == (0, 10_000)
    assert work.device[-1] == 0  # it has no number of its own: the process's


def test_times_are_exact_where_they_count_from_1970() -> None:
    trace = load_trace(io.BytesIO(json.dumps({"traceEvents": [
        span("kernel", "gemm", 1_623_142_623_531_625, 2, device=0),
        span("kernel", "gemm", 1_623_142_623_531_627, 1, device=0),
    ]}).encode()))  # fmt: skip
    work = work_of(trace, -1_623_142_623_531_625_000)
    assert list(work.start_ns) == [0, 2000]
    assert list(work.end_ns) == [2000, 3000]


def test_operators_say_how_often_they_called_the_device() -> None:
    events = [
        span("cpu_op", "aten::linear", 0, 100),
        span("cpu_op", "aten::addmm", 10, 80),
        span("cuda_runtime", "cudaLaunchKernel", 20, 5),
        span("cuda_runtime", "cudaLaunchKernel", 30, 5),
        span("cpu_op", "aten::sort", 200, 500),
    ]
    trace = load(events)
    found = operators_of(trace, -BASE, training_tid(trace, 51))
    assert [found.names[n] for n in found.name] == ["aten::linear", "aten::sort"]
    assert list(found.device_calls) == [2, 0]
    assert operators_of(load(events[-1:]), -BASE, 51).device_calls.size == 0


def test_no_device_gives_no_facts() -> None:
    trace = load([span("cpu_op", "aten::mm", 0, 10)])
    assert facts([span("cpu_op", "aten::mm", 0, 10)]) == {}
    assert facts([span("kernel", "gemm", 0, 1)], ()) == {}
    assert work_of(trace, 0).kind.size == 0


@pytest.mark.parametrize(
    "args",
    [None, [], "text", {"device": True, "bytes": -5, "correlation": {}}, {"device": 2**70, "bytes": 1e300}],
)
def test_odd_arguments_are_left_out(args: Any) -> None:
    event = span("gpu_memcpy", "Memcpy ???", 5, 5) | {"args": args, "pid": "x"}
    launch = span("cuda_runtime", "cudaMemcpyAsync", 1, 2) | {"args": args}
    (row,) = facts([event, launch])["copies"]
    assert (row["direction"], row["pinned"], row["bytes"]) == ("other", None, 0)
    assert work_of(load([event]), 0).device[0] == 0


def test_spans_that_cannot_be_true_are_left_out() -> None:
    events = [span("kernel", "gemm", 0, -1), span("kernel", "gemm", 1e18, 1), span("kernel", "gemm", 0, 1e13)]
    assert work_of(load(events), 0).kind.size == 0


def test_a_name_that_is_no_text_is_read() -> None:
    data = json.dumps({"traceEvents": [span("kernel", "gemm?", 0, 1)]}).encode().replace(b"?", b"\xe7")
    assert load_trace(io.BytesIO(data)).spans("kernel")[0].name == "gemm\ufffd"
    with pytest.raises(DamagedFile):
        load_trace(io.BytesIO(b"<html>"))
