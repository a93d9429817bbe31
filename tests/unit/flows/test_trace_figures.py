"""Traces of others, against figures that were worked out apart from this code, and against a bitmap."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.unit.align.bitmap import events_of, paint
from tests.unit.flows.trace_scenes import a_run
from throughput.flows.trace_reading import OneRank, read_ranks
from throughput.flows.trace_run import analysis_of
from throughput.model.attribution import DeviceSplit
from throughput.model.category import Category

# Exposed shares of the steps' wall in %: compute, communication, host to device, data loading; then all in
# which the device did nothing and nobody loaded; busy: loading, kernels, the device.
REFERENCE = (
    ("kineto/resnet50_nw0*", 0, 54.87, 0.00, 1.10, 33.90, 10.08, 39.64, 54.87, 56.02),
    ("kineto/resnet50_nw4*", 0, 70.06, 0.00, 2.26, 0.85, 26.76, 1.02, 70.06, 72.39),
    ("lotus/imagenet_b128_gpu1*", 0, 6.08, 0.00, 0.65, 66.13, 27.13, 68.49, 6.08, 6.74),
    ("lotus/imagenet_b128_gpu4*", 0, 1.46, 0.18, 0.56, 10.66, 87.07, 10.70, 1.64, 2.27),
    ("lotus/imagenet_b128_gpu4*", 1, 1.52, 0.16, 0.00, 10.66, 87.65, 10.70, 1.69, 1.69),
    ("lotus/imagenet_b128_gpu4*", 2, 1.41, 0.18, 0.00, 10.66, 87.74, 10.70, 1.60, 1.60),
    ("lotus/imagenet_b128_gpu4*", 3, 1.54, 0.07, 0.00, 10.66, 87.72, 10.70, 1.61, 1.62),
    ("hta/df_index_resolver*", 1, 35.71, 20.56, 0.00, 0.00, 42.42, 0.00, 56.27, 57.58),
    ("hta/trace_diff_control*", 3, 60.50, 18.91, 3.44, 0.09, 16.34, 0.09, 79.41, 83.57),
    ("hta/negative_queue_rank0*", 0, 16.78, 15.09, 1.72, 0.00, 64.49, 0.00, 31.87, 35.51),
    ("megatron_tp8/megatron_kineto_0*", 0, 21.78, 39.98, 0.00, 0.01, 38.20, 0.01, 61.76, 61.79),
    ("megatron_tp8/megatron_kineto_1*", 1, 21.42, 76.88, 0.00, 0.39, 1.28, 0.39, 98.30, 98.33),
    ("megatron_tp8/megatron_kineto_2*", 2, 21.49, 66.10, 0.00, 1.17, 11.22, 1.17, 87.59, 87.61),
    ("megatron_tp8/megatron_kineto_3*", 3, 21.55, 74.67, 0.00, 0.37, 3.38, 0.37, 96.22, 96.25),
    ("megatron_tp8/megatron_kineto_4*", 4, 21.25, 77.75, 0.00, 0.40, 0.58, 0.40, 99.00, 99.02),
    ("megatron_tp8/megatron_kineto_5*", 5, 21.20, 77.08, 0.00, 0.37, 1.33, 0.37, 98.28, 98.31),
    ("megatron_tp8/megatron_kineto_6*", 6, 21.22, 41.05, 0.00, 4.32, 33.39, 4.32, 62.27, 62.29),
    ("megatron_tp8/megatron_kineto_7*", 7, 21.57, 76.17, 0.00, 0.38, 1.84, 0.38, 97.75, 97.78),
)
IDLE = (
    Category.LOCK_CONTENTION,
    Category.HOST_WORK,
    Category.SYNCHRONIZATION,
    Category.LOGGING_CHECKPOINT,
    Category.CPU_STARVED,
    Category.IDLE,
    Category.UNATTRIBUTED,
)
"""What the reference calls idle, less loading."""


@cache
def read(path: Path) -> OneRank:
    (one,), notes = read_ranks([path], lambda _text: None)
    assert not notes
    return one


def device(path: Path, number: int) -> DeviceSplit:
    (found,) = (one for one in read(path).attribution.devices if one.device == number)
    return found


def figures(one: DeviceSplit) -> list[float]:
    exposed = {share.category: 100 * (share.exposed or 0) for share in one.categories}
    kinds = (Category.COMPUTE, Category.COMMUNICATION, Category.HOST_TO_DEVICE, Category.DATA_LOADING)
    return [*(exposed[kind] for kind in kinds), sum(exposed.get(kind, 0) for kind in IDLE)]


def found(traces: Path, pattern: str) -> Path:
    (path,) = traces.glob(pattern)
    return path


@pytest.mark.parametrize(("pattern", "number", "expected"), [(p, d, rest) for p, d, *rest in REFERENCE])
def test_shares_are_those_of_the_reference(
    traces: Path, pattern: str, number: int, expected: list[float]
) -> None:
    one = device(found(traces, pattern), number)
    assert figures(one) == pytest.approx(expected[:5], abs=1.0)
    busy = {share.category: 100 * (share.busy or 0) for share in one.categories}
    assert busy[Category.DATA_LOADING] == pytest.approx(expected[5], abs=0.02)
    assert 100 * one.busy_share == pytest.approx(expected[7], abs=0.02)


def agrees(path: Path, number: int) -> None:
    """Assert that a bitmap gives the same."""
    one, painted = device(path, number), paint(events_of(path), number)
    exposed = {share.category.value: 100 * (share.exposed or 0) for share in one.categories}
    for layer in ("compute", "communication", "host_to_device", "other_memory", "data_loading"):
        assert exposed[layer] == pytest.approx(painted.exposed[layer], abs=0.1), layer
    assert sum(exposed.values()) == pytest.approx(100, abs=0.001)
    assert 100 * one.busy_share == pytest.approx(painted.busy, abs=0.1)


@pytest.mark.parametrize(("pattern", "number"), [(row[0], row[1]) for row in REFERENCE])
def test_a_bitmap_gives_the_same(traces: Path, pattern: str, number: int) -> None:
    agrees(found(traces, pattern), number)


@pytest.mark.parametrize("name", ["hta/amd_mi250_minitoy*"])
def test_a_bitmap_gives_the_same_for_rocm(traces: Path, name: str) -> None:
    path = found(traces, name)
    for one in read(path).attribution.devices:
        agrees(path, one.device)


def test_idle_gaps_have_causes(traces: Path) -> None:
    for pattern, number, *_ in REFERENCE[:4]:
        one = device(found(traces, pattern), number)
        assert sum(cause.share for cause in one.idle) == pytest.approx(one.idle_share, abs=1e-6)
        waits = {cause.cause: cause for cause in one.idle}
        assert waits["host_wait"].starvers
    nw0 = device(found(traces, "kineto/resnet50_nw0*"), 0)
    (first, *_) = next(cause.starvers for cause in nw0.idle if cause.cause == "host_wait")
    assert "DataLoader" in first.name


def test_the_straggling_ranks_are_found(traces: Path) -> None:
    paths = sorted((traces / "megatron_tp8").iterdir())
    ranks, _notes = read_ranks(paths, lambda _text: None)
    report = analysis_of(a_run(), ranks).report
    assert report.stragglers == (0, 6)
    imposed = {row.rank: row.imposed_ns_per_step or 0 for row in report.ranks}
    assert imposed[0] == pytest.approx(167e6, rel=0.01)
    assert imposed[6] == pytest.approx(135e6, rel=0.01)
    assert max(ns for rank, ns in imposed.items() if rank not in (0, 6)) < 30e6
    named = [f for f in report.findings if f.rule == "straggling-rank"]
    assert [f.ranks for f in named] == [(0,), (6,)]


def test_replays_meet_their_traces_and_the_pair(traces: Path) -> None:
    errors = []
    for pattern in dict.fromkeys(row[0] for row in REFERENCE):
        replay = read(found(traces, pattern)).attribution.trace_replay
        assert replay is not None, pattern
        errors.append(abs(replay.error))
        print(f"{pattern}: replayed {100 * replay.error:+.2f} %")
    assert sorted(errors)[len(errors) // 2] <= 0.03
    slow, fast = (read(found(traces, f"kineto/resnet50_{name}*")) for name in ("nw0", "nw4"))
    assert slow.attribution.trace_replay is not None
    told = {one.change: one.step_ns for one in slow.attribution.trace_replay.changed}
    measured = sum(s.duration_ns for s in fast.attribution.steps) / len(fast.attribution.steps)
    print(
        f"without loading: predicted {told['loading'] / 1e6:.1f} ms, with 4 workers {measured / 1e6:.1f} ms"
    )
    assert told["loading"] < measured  # four workers take CPU time of their own
