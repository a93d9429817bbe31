"""What devices did in recorded traces, against figures that were worked out apart from this code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from throughput.align.device_trace import work_of
from throughput.align.torch_trace import Trace, load_trace
from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import live_trace
from throughput.attribute.device import busiest, exposed_within, layers_of
from throughput.errors import DamagedFile
from throughput.model.category import Block
from throughput.model.timeline import DeviceWork, Step

# Share of the steps' wall in %, exposed: compute, communication, host to device; then busy with anything.
# From the steps' events and kernel intervals, checked by a bitmap of microseconds.
REFERENCE = (
    ("kineto/resnet50_nw0*", 0, 54.87, 0.00, 1.10, 56.02),
    ("kineto/resnet50_nw4*", 0, 70.06, 0.00, 2.26, 72.39),
    ("lotus/imagenet_b128_gpu1*", 0, 6.08, 0.00, 0.65, 6.74),
    ("lotus/imagenet_b128_gpu4*", 0, 1.46, 0.18, 0.56, 2.27),
    ("lotus/imagenet_b128_gpu4*", 1, 1.52, 0.16, 0.00, 1.69),
    ("lotus/imagenet_b128_gpu4*", 2, 1.41, 0.18, 0.00, 1.60),
    ("lotus/imagenet_b128_gpu4*", 3, 1.54, 0.07, 0.00, 1.62),
    ("hta/df_index_resolver*", 1, 35.71, 20.56, 0.00, 57.58),
    ("hta/trace_diff_control*", 3, 60.50, 18.91, 3.44, 83.57),
    ("hta/negative_queue_rank0*", 0, 16.78, 15.09, 1.72, 35.51),
    ("megatron_tp8/megatron_kineto_0*", 0, 21.78, 39.98, 0.00, 61.79),
    ("megatron_tp8/megatron_kineto_1*", 1, 21.42, 76.88, 0.00, 98.33),
    ("megatron_tp8/megatron_kineto_2*", 2, 21.49, 66.10, 0.00, 87.61),
    ("megatron_tp8/megatron_kineto_3*", 3, 21.55, 74.67, 0.00, 96.25),
    ("megatron_tp8/megatron_kineto_4*", 4, 21.25, 77.75, 0.00, 99.02),
    ("megatron_tp8/megatron_kineto_5*", 5, 21.20, 77.08, 0.00, 98.31),
    ("megatron_tp8/megatron_kineto_6*", 6, 21.22, 41.05, 0.00, 62.29),
    ("megatron_tp8/megatron_kineto_7*", 7, 21.57, 76.17, 0.00, 97.78),
)


@dataclass
class Recorded:
    """A trace, its steps by the profiler's own marks, and what the devices did."""

    trace: Trace
    steps: tuple[Step, ...]
    work: DeviceWork
    thread: int | str | None
    path: Path

    def facts(self) -> dict[str, Any]:
        with self.path.open("rb") as file:
            events = read_trace(file, self.path.name)
        native = self.thread if isinstance(self.thread, int) else None
        return dict(live_trace(events, self.steps, native, 0).timeline.facts.get("device") or {})


def steps_of(trace: Trace) -> tuple[tuple[Step, ...], int | str | None]:
    """Return the profiler's steps: events of the host, not their copies on the device, nor their names."""
    marks = [e for e in trace.spans("user_annotation", "Operator", "cpu_op") if "ProfilerStep#" in e.name]
    marks.sort(key=lambda e: e.ts)
    steps = tuple(
        Step(index=n, start_ns=round(e.ts * 1e3), end_ns=round(e.end * 1e3), block=Block.TORCH)
        for n, e in enumerate(marks)
    )
    return steps, marks[0].tid if marks else None


def read(folder: Path, pattern: str) -> Recorded:
    (path,) = folder.glob(pattern)
    with path.open("rb") as file:
        trace = load_trace(file)
    steps, thread = steps_of(trace)
    return Recorded(trace, steps, work_of(trace, -trace.baseTimeNanoseconds), thread, path)


def shares(recorded: Recorded, device: int) -> Sequence[float]:
    start = np.array([s.start_ns for s in recorded.steps])
    end = np.array([s.end_ns for s in recorded.steps])
    found = exposed_within(layers_of(recorded.work, device), start, end)
    assert (found >= 0).all()
    assert (found.sum(axis=1) <= end - start).all()
    return [float(x) for x in 100 * found.sum(axis=0) / (end - start).sum()]


@pytest.mark.parametrize(("pattern", "device", "expected"), [(p, d, rest) for p, d, *rest in REFERENCE])
def test_exposed_shares(traces: Path, pattern: str, device: int, expected: list[float]) -> None:
    found = shares(read(traces, pattern), device)
    assert [*found[:3], sum(found)] == pytest.approx(expected, abs=0.011)  # printed with two digits


def test_of_several_devices_the_busiest_counts(traces: Path) -> None:
    recorded = read(traces, "lotus/imagenet_b128_gpu4*")
    assert busiest(recorded.work, recorded.steps) == 0
    assert busiest(read(traces, "megatron_tp8/megatron_kineto_5*").work, recorded.steps) is None


def test_copies_tell_pinned_from_pageable_memory(traces: Path) -> None:
    slow = read(traces, "kineto/resnet50_nw0*").facts()["copies"]
    assert isinstance(slow, list)
    assert {(row["direction"], row["pinned"]) for row in slow} == {("h2d", False)}
    assert sum(row["count"] for row in slow) == 12
    assert sum(row["bytes"] for row in slow) == 6 * (19_267_584 + 256)
    pinned = read(traces, "lotus/imagenet_b128_gpu1*").facts()["copies"]
    assert isinstance(pinned, list)
    h2d = [row for row in pinned if row["direction"] == "h2d" and row["pinned"]]
    assert sum(row["bytes"] for row in h2d) == 8 * (77_070_336 + 1024)
    assert {row["blocking"] for row in h2d} == {False}


def test_waits_are_named_by_the_operator_that_waits(traces: Path) -> None:
    facts = read(traces, "lotus/imagenet_b128_gpu1*").facts()
    syncs = facts["syncs"]
    assert isinstance(syncs, list)
    names = {row["name"] for row in syncs}
    assert "aten::_local_scalar_dense" in names
    assert all(row["ns"] >= 0 and row["count"] > 0 for row in syncs)


def test_kernels_are_counted_and_run_as_long_as_the_intervals_say(traces: Path) -> None:
    recorded = read(traces, "kineto/resnet50_nw0*")
    kernels = recorded.facts()["kernels"]
    assert isinstance(kernels, dict)
    assert 8_000 < kernels["count"] <= 8_772
    wall = recorded.steps[-1].end_ns - recorded.steps[0].start_ns
    assert kernels["busy_ns"] / wall == pytest.approx(0.5487, abs=0.01)


def test_amd_traces_are_read(traces: Path) -> None:
    recorded = read(traces, "hta/amd_mi250_minitoy*")
    assert set(recorded.work.device) == {2}
    copies = recorded.facts()["copies"]
    assert isinstance(copies, list)
    assert {row["direction"] for row in copies} == {"h2d"}
    assert {row["pinned"] for row in copies} == {None}
    assert {row["blocking"] for row in copies} == {True}  # hipMemcpyWithStream returns when it is done


def test_damaged_traces_are_refused_or_read(traces: Path) -> None:
    read_, refused = 0, 0
    for path in sorted((traces / "malformed").iterdir()):
        try:
            with path.open("rb") as file:
                trace = load_trace(file)
        except DamagedFile:
            refused += 1
            continue
        read_ += 1
        work = work_of(trace, 0)
        assert (work.end_ns >= work.start_ns).all()
    assert read_ >= 4
    assert refused >= 3
