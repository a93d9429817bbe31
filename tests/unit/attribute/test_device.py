"""Steps of a run with a device: what it did first, the rest by what the training thread did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.attribute.scenes import LOADER, MAIN, MATMUL, MS, TRAIN, Scene, library, ns
from throughput.attribute.attribution import attribute
from throughput.attribute.device import NO_INTERVALS
from throughput.model.attribution import Attribution, SplitRow
from throughput.model.category import Block, Category, Phase, Source, State
from throughput.model.run import CollectorStatus
from throughput.model.timeline import DEVICE_KINDS, DeviceWork, Timeline

OK = {n: CollectorStatus(name=n, state="ok") for n in ("locks", "syscalls", "stacks", "torch")}
COMPUTE, COMMUNICATION, SENT, OTHER = range(4)


def device_run(*work: tuple[int, int, float, float], steps: int = 4, torch_steps: int = 3) -> Timeline:
    """Return clean steps of 100 ms (30 loader, 10 copy, 60 rest), then traced ones with device work.

    A row of work is device, kind, and from when to when in each traced step, ms.
    """
    scene = Scene()
    scene.facts["device_used"] = True
    phases = ((Phase.LOADER, 30), (Phase.COPY, 10), (Phase.REST, 60))
    for _ in range(steps):
        begin = scene.at
        scene.step(*phases)
        scene.sample(begin, begin + 30, MAIN, TRAIN, LOADER, phase=Phase.LOADER)
        scene.sample(begin + 40, begin + 100, MAIN, TRAIN)
    rows = []
    for _ in range(torch_steps):
        begin = scene.at
        scene.step(*phases, block=Block.TORCH)
        rows += [(device, kind, ns(begin + a), ns(begin + b)) for device, kind, a, b in work]
        scene.operators.append((ns(begin + 41), ns(begin + 41.01)))
    device, kind, start, end = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return replace(
        scene.timeline(), device_work=DeviceWork(device=device, kind=kind, start_ns=start, end_ns=end)
    )


def ms(found: Attribution) -> dict[Category, float]:
    return {row.category: row.ns_per_step / MS for row in found.split if row.ns_per_step}


def row(found: Attribution, category: Category) -> SplitRow:
    (one,) = (r for r in found.split if r.category is category)
    return one


def test_device_work_goes_first_by_kind_and_phase() -> None:
    made = device_run((0, SENT, 25, 45), (0, COMPUTE, 40, 80), (0, COMMUNICATION, 70, 90), (0, OTHER, 85, 92))
    found = attribute(made, OK)
    # The loader's 25 to 30 and the copy's 30 to 40 hide behind the copy; 92 to 100 is the host's.
    assert ms(found) == pytest.approx(
        {
            Category.COMPUTE: 40,
            Category.COMMUNICATION: 10,
            Category.HOST_TO_DEVICE: 15,
            Category.OTHER_MEMORY: 2,
            Category.DATA_LOADING: 25,
            Category.HOST_WORK: 8,
        },
        abs=0.02,
    )
    for kind in DEVICE_KINDS:
        assert (row(found, kind).source, row(found, kind).state) == (Source.DEVICE, State.MEASURED)


def test_work_of_the_device_takes_as_long_in_clean_steps_of_another_length() -> None:
    made = device_run((0, COMPUTE, 40, 70))
    # Tracing made the host's part of the traced steps twice as long: the clean ones are half as long.
    halved = replace(
        made,
        steps=tuple(
            replace(s, end_ns=s.start_ns + s.duration_ns // 2) if s.block is not Block.TORCH else s
            for s in made.steps
        ),
    )
    found = ms(attribute(halved, OK))
    assert sum(found.values()) == pytest.approx(50, abs=0.01)
    assert found[Category.COMPUTE] == pytest.approx(30, abs=0.02)


def test_several_devices_are_not_pooled() -> None:
    made = device_run((0, COMPUTE, 40, 60), (1, COMPUTE, 50, 90))
    found = attribute(made, OK)
    assert ms(found)[Category.COMPUTE] == pytest.approx(40, abs=0.02)
    assert row(found, Category.COMPUTE).state is State.PARTIAL
    assert "device 1, the busiest of 2" in (row(found, Category.COMPUTE).reason or "")


def test_few_traced_steps_are_partial() -> None:
    found = attribute(device_run((0, COMPUTE, 40, 60), torch_steps=2), OK)
    assert row(found, Category.COMPUTE).state is State.PARTIAL
    assert "2 traced steps" in (row(found, Category.COMPUTE).reason or "")


def test_without_intervals_nothing_is_said_of_the_device() -> None:
    found = attribute(device_run(), OK)
    assert row(found, Category.OTHER_MEMORY).state is State.NOT_MEASURED
    for category in (Category.COMPUTE, Category.HOST_TO_DEVICE, Category.HOST_WORK, Category.IDLE):
        assert (row(found, category).state, row(found, category).reason) == (State.PARTIAL, NO_INTERVALS)
    assert row(found, Category.DATA_LOADING).state is State.MEASURED


def test_dispatching_is_host_work_and_cpu_operators_are_compute() -> None:
    made = device_run((0, COMPUTE, 40, 50), steps=8)
    names = replace(made.operators, device_calls=np.ones(len(made.operators.start_ns), dtype=np.int64))
    begin = [s.start_ns for s in made.steps if s.block is Block.TORCH]
    long = replace(names, end_ns=np.array(begin) + 90 * MS)
    dispatching = attribute(replace(made, operators=long), OK)
    assert ms(dispatching)[Category.HOST_WORK] == pytest.approx(50, abs=0.1)
    on_cpu = replace(long, device_calls=long.device_calls * 0)
    computing = ms(attribute(replace(made, operators=on_cpu), OK))
    assert computing[Category.COMPUTE] == pytest.approx(50, abs=0.1)  # 10 of the device, 40 of the host
    assert computing[Category.HOST_WORK] == pytest.approx(10, abs=0.1)


def test_torch_frames_are_dispatching_where_the_device_computes() -> None:
    made = device_run((0, COMPUTE, 40, 60))
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.sample(0, 100, MAIN, TRAIN, MATMUL)
    assert attribute(scene.timeline(), OK).hotspots[0].category is Category.COMPUTE
    stacks = replace(made.samples, stack=made.samples.stack * 0)
    frames = scene.timeline().stacks
    found = attribute(replace(made, samples=stacks, stacks=frames), OK)
    assert found.hotspots[0].category is Category.HOST_WORK


def test_compiling_is_host_work() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.sample(0, 60, MAIN, TRAIN, library("_compile", "torch/_dynamo/convert_frame.py"), MATMUL)
    scene.sample(60, 100, MAIN, TRAIN, MATMUL)
    found = ms(attribute(scene.timeline(), OK))
    assert found == pytest.approx({Category.HOST_WORK: 60, Category.COMPUTE: 40})


spans = st.tuples(st.integers(0, 2), st.integers(0, 3), st.floats(-50, 150), st.floats(0, 120))


@given(st.lists(spans, max_size=12), st.integers(0, 4))
def test_whatever_the_device_did_the_parts_sum(
    work: list[tuple[int, int, float, float]], traced: int
) -> None:
    made = device_run(*((d, k, a, a + length) for d, k, a, length in work), torch_steps=traced)
    found = attribute(made, OK)  # each breakdown checks its own sum
    shown = [r.share for r in found.split if r.share is not None]
    assert sum(shown) == pytest.approx(1, abs=1e-6)
