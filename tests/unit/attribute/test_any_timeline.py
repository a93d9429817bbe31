"""Whatever a timeline says, also nonsense: parts sum to each step, shares to 1, nothing raises."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.attribute.scenes import BATCH_COLUMNS, columns, library, own
from throughput.attribute.attribution import attribute
from throughput.model.category import CATEGORIES, Block, Category, Phase, State
from throughput.model.run import CollectorStatus
from throughput.model.timeline import (
    KINDS,
    Batches,
    BlockedSamples,
    Call,
    Loader,
    LockInfo,
    LockWaits,
    Operators,
    Samples,
    Segments,
    Stacks,
    Step,
    Timeline,
    Track,
)

FRAMES = (
    own("<module>", 3),
    own("train", 12),
    own("get_batch", 5, "data.py"),
    own("Recordings.__getitem__", 7, "data.py"),
    library("round", "numpy/_core/fromnumeric.py"),
    library("Linear.forward", "torch/nn/modules/linear.py"),
    library("Tensor.backward", "torch/_tensor.py"),
    library("Queue.get", "queue.py"),
    library("Condition.wait", "threading.py"),
    library("Lock.acquire", "threading.py"),
    library("info", "logging/__init__.py"),
    library("_worker_loop", "torch/utils/data/_utils/worker.py"),
    library("_MapDatasetFetcher.fetch", "torch/utils/data/_utils/fetch.py"),
    library("all_reduce", "torch/distributed/distributed_c10d.py"),
)
SOURCES = {
    "train.py": {3: "main()", 12: "    time.sleep(1); print('x')"},
    "data.py": {1: "import numpy as np", 5: "    return np.round(x)", 7: "    def broken(("},
}
ROLES = ("training", "thread", "worker", "worker", "feeder", "pin")
TIMES = st.integers(-50, 1_050).map(lambda n: n * 7_919)
"""ns around a window of about 8 ms: spans collide, touch, and lie outside of it."""
TRACKS = st.integers(0, len(ROLES) - 1)
AMOUNTS = st.integers(-1, 4_000_000)
LOCKS = tuple(LockInfo(name=n, kind="Lock", made_at=None) for n in ("cache", "log"))


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Draw a timeline whose indices are valid and whose times are anything."""
    stacks = draw(st.lists(st.lists(st.integers(0, len(FRAMES) - 1), max_size=5), min_size=1, max_size=8))
    stack = st.integers(0, len(stacks) - 1)

    def rows(*fields: st.SearchStrategy[int], size: int = 12) -> Any:
        found = draw(st.lists(st.tuples(*fields), max_size=size))
        return columns(found, len(fields))

    def named(names: str, values: Any) -> dict[str, Any]:
        return dict(zip(names.split(), values, strict=True))

    operators = rows(TIMES, TIMES)
    return Timeline(
        rank=0,
        steps=_steps(draw),
        tracks=tuple(_track(n, role) for n, role in enumerate(ROLES)),
        segments=Segments(
            **named(
                "phase start_ns end_ns cpu_ns runq_ns",
                rows(st.integers(-1, 12), TIMES, TIMES, AMOUNTS, AMOUNTS, size=20),
            )
        ),
        stacks=Stacks(frames=FRAMES, stacks=tuple(map(tuple, stacks))),
        samples=Samples(
            **named(
                "track start_ns end_ns stack count phase",
                rows(TRACKS, TIMES, TIMES, stack, st.integers(0, 9), st.integers(-1, 9), size=30),
            )
        ),
        lock_waits=LockWaits(
            **named(
                "start_ns end_ns track holder lock waiter_stack holder_stack",
                rows(
                    TIMES, TIMES, TRACKS, TRACKS | st.just(-1), st.integers(0, 1), stack | st.just(-1), stack
                ),
            ),
            locks=LOCKS,
        ),
        blocked=BlockedSamples(
            **named(
                "time_ns weight_ns track kind address",
                rows(TIMES, AMOUNTS, TRACKS, st.integers(0, len(KINDS) - 1), st.integers(0, 3)),
            )
        ),
        batches=Batches(
            **named(
                BATCH_COLUMNS,
                rows(*[st.integers(-1, 3)] * 3, *[TIMES | st.just(-1)] * 6, AMOUNTS, AMOUNTS, TIMES),
            )
        ),
        loaders=tuple(_loader(n) for n in range(draw(st.integers(0, 2)))),
        operators=Operators(
            names=("aten::mm",), name=operators[0] * 0, start_ns=operators[0], end_ns=operators[1]
        ),
        calls=(Call(function="f", file="train.py", line=1, calls=3, self_ns=1, total_ns=2, role="training"),),
        sources=SOURCES,
        facts=draw(st.sampled_from([{}, {"device_used": True}, {"world_size": 2}])),
    )


def _steps(draw: st.DrawFn) -> tuple[Step, ...]:
    """Draw steps: mostly one after the other, sometimes anywhere."""
    if draw(st.booleans()):
        edges = sorted(draw(st.lists(TIMES, max_size=9)))
        spans = list(pairwise(edges))
    else:
        spans = draw(st.lists(st.tuples(TIMES, TIMES), max_size=6))
    blocks = draw(st.lists(st.sampled_from(Block), min_size=len(spans), max_size=len(spans)))
    return tuple(
        Step(index=n, start_ns=a, end_ns=b, block=block, samples=None)
        for n, ((a, b), block) in enumerate(zip(spans, blocks, strict=True))
    )


def _track(number: int, role: str) -> Track:
    worker = number - 2 if role == "worker" else None
    pid = 200 + number if role == "worker" else 100
    return Track(pid=pid, tid=number, native_id=number, name=f"t{number}", role=role, rank=0, worker=worker)


def _loader(number: int) -> Loader:
    return Loader(
        number=number,
        num_workers=number * 2,
        prefetch_factor=2,
        batch_size=4,
        pin_memory=None,
        persistent_workers=None,
        in_order=None,
        start_method=None,
        iterable=False,
        dataset="D",
        iterators_started=1,
    )


COLLECTORS = st.dictionaries(
    st.sampled_from(["locks", "syscalls", "stacks", "torch"]),
    st.sampled_from(["ok", "failed", "unavailable", "partial"]),
).map(lambda found: {n: CollectorStatus(name=n, state=s) for n, s in found.items()})


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(timelines(), COLLECTORS)
def test_parts_sum_whatever_the_timeline_says(
    timeline: Timeline, collectors: dict[str, CollectorStatus]
) -> None:
    found = attribute(timeline, collectors)  # a StepBreakdown refuses parts that don't sum

    clean = [s for s in timeline.steps if s.block.is_clean and s.duration_ns > 0]
    assert [b.duration_ns for b in found.steps] == [s.duration_ns for s in clean]
    assert tuple(row.category for row in found.split) == CATEGORIES
    shown = [row for row in found.split if row.share is not None]
    if clean:
        assert sum(row.share or 0.0 for row in shown) == pytest.approx(1.0, abs=1e-6)
    else:
        assert not shown
    for row in shown:
        assert row.state in (State.MEASURED, State.PARTIAL)
        assert row.low is not None
        assert row.high is not None
        assert 0.0 <= row.low <= row.high <= 1.0
        assert row.ns_per_step is not None
        assert row.ns_per_step >= 0.0
    for spot in found.functions:
        assert np.isfinite([spot.ns_per_step, spot.share, spot.low, spot.high]).all()
        assert spot.ns_per_step >= 0.0
        assert 0.0 <= spot.low <= spot.share + 1e-9
    assert [spot.rank for spot in found.hotspots] == list(range(1, len(found.hotspots) + 1))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(timelines())
def test_a_flame_graph_of_the_step_sums_to_it(timeline: Timeline) -> None:
    found = attribute(timeline, {})
    total = sum(b.duration_ns for b in found.steps)
    for tab in found.flames.tabs:
        assert (tab.ns >= 0).all()
        assert (tab.step_ns >= 0).all()
        assert np.isfinite(tab.step_ns).all()
        assert tab.stack.max() < len(found.flames.stacks.stacks)
        assert ((tab.step >= -1) & (tab.step < len(found.steps))).all()
        if tab.tab in ("training", "blame"):
            assert tab.ns.sum() == pytest.approx(total, rel=1e-6)
            for number, step in enumerate(found.steps):
                seen = tab.step_ns[tab.step == number].sum()
                assert seen == 0 or seen <= step.duration_ns * (1 + 1e-6)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(timelines())
def test_the_mean_share_is_that_of_the_steps(timeline: Timeline) -> None:
    found = attribute(timeline, {})
    total = sum(b.duration_ns for b in found.steps)
    for row in found.split:
        parts = sum(b.parts_ns.get(row.category, 0) for b in found.steps)
        if row.share is not None:
            assert row.share == pytest.approx(parts / total, abs=1e-9)
        else:
            assert parts == 0


def test_without_clean_steps_nothing_is_claimed() -> None:
    found = attribute(Timeline(rank=3, steps=(), tracks=()), {})
    assert found.rank == 3
    assert not found.steps
    assert {row.state for row in found.split} == {State.NOT_MEASURED}
    assert [row.category for row in found.split if row.share is not None] == []


def test_every_phase_and_category_has_a_place() -> None:
    from throughput.attribute.split import COLUMN, DOING_CATEGORY, WHOLE_PHASES

    assert set(COLUMN) == set(Category)
    assert {*WHOLE_PHASES, Phase.REST, Phase.BACKWARD, Phase.OPTIMIZER} == set(Phase)
    assert set(DOING_CATEGORY.values()) <= set(Category)
