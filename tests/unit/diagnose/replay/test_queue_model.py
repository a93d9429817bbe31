"""The queue model: waits and step times come out as arithmetic says, whatever the work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.diagnose.replay.changes import Change, changed
from throughput.diagnose.replay.queue_model import Pipeline, replay

MS = 1e6


def pipeline(
    count: int = 100, make: float = 10, blocked: float = 0, loop: float = 5, send: float = 0, **more: Any
) -> Pipeline:
    """Return a pipeline of equal batches; times in ms."""
    ones = np.ones(count)
    return Pipeline(
        make_cpu=ones * make * MS,
        make_blocked=ones * blocked * MS,
        send=ones * send * MS,
        loop_cpu=ones * loop * MS,
        loop_blocked=ones * 0,
        **({"cpus": 4.0} | more),
    )


def step_ms(made: Pipeline) -> float:
    return replay(made).step_ns / MS


def test_without_workers_making_and_training_take_turns() -> None:
    found = replay(pipeline(workers=0))
    assert found.step_ns == pytest.approx(15 * MS)
    assert found.wait_ns == 0


@pytest.mark.parametrize(("workers", "expected"), [(1, 10.0), (2, 5.0), (3, 5.0)])
def test_workers_make_batches_beside_training(workers: int, expected: float) -> None:
    assert step_ms(pipeline(workers=workers)) == pytest.approx(expected, rel=0.02)


def test_workers_share_the_cpus_with_training() -> None:
    # 25 ms of work a batch on 2 CPUs: 12.5 ms, however many workers there are.
    for workers in (2, 4, 8):
        assert step_ms(pipeline(400, make=20, workers=workers, cpus=2.0)) == pytest.approx(12.5, rel=0.05)


def test_blocked_making_needs_no_cpu() -> None:
    assert step_ms(pipeline(make=0, blocked=40, workers=4, cpus=1.0)) == pytest.approx(10, rel=0.02)


def test_starved_is_what_training_waits_for_a_cpu() -> None:
    found = replay(pipeline(make=0, loop=10, workers=0, cpus=0.5))
    assert found.step_ns == pytest.approx(20 * MS)
    assert found.starved_ns == pytest.approx(10 * MS)


def test_a_deeper_queue_evens_out_bursts() -> None:
    make = np.where(np.arange(400) % 8 == 0, 48.0, 1.0) * MS
    uneven = replace(pipeline(400, loop=8, workers=1, prefetch=1), make_cpu=make)
    deep = replace(uneven, prefetch=16)
    assert step_ms(deep) == pytest.approx(8, rel=0.03)
    assert step_ms(uneven) > 10


def test_ready_batches_wait_for_their_turn_only_in_order() -> None:
    make = np.where(np.arange(400) % 2 == 0, 30.0, 2.0) * MS
    in_order = replace(pipeline(400, loop=1, workers=2), make_cpu=make)
    assert step_ms(replace(in_order, in_order=False)) < 0.8 * step_ms(in_order)


def test_sending_delays_a_batch_but_not_the_next_one_of_its_worker() -> None:
    assert step_ms(pipeline(make=10, send=6, loop=5, workers=1, prefetch=1)) == pytest.approx(16)
    assert step_ms(pipeline(make=10, send=6, loop=5, workers=1, prefetch=4)) == pytest.approx(10)
    assert step_ms(pipeline(make=1, send=6, loop=5, workers=1, prefetch=4)) == pytest.approx(5)


def test_sending_gets_faster_where_making_is_no_longer_in_its_way() -> None:
    one = pipeline(make=10, loop=5, workers=1)
    held_up = replace(one, send=np.where(np.arange(100) % 5 == 0, 1.0, 9.0) * MS)
    after = changed(held_up, Change(make_part=0.25))
    assert set(after.send / MS) == {1.0, 3.0}
    assert set(changed(held_up, Change()).send / MS) == {1.0, 9.0}


def test_an_epoch_begins_with_empty_queues() -> None:
    epochs = frozenset(range(0, 100, 10))
    once = pipeline(make=2, loop=5, workers=1, epochs=epochs, persistent=True)
    again = pipeline(
        make=2, loop=5, workers=1, epochs=epochs, persistent=False, spawn_ns=30 * MS, boot_ns=20 * MS
    )
    assert step_ms(once) == pytest.approx(5.2, rel=0.02)  # one wait of 2 ms in ten batches
    assert step_ms(again) == pytest.approx(5.2 + 5.0, rel=0.02)


def test_several_batches_a_step() -> None:
    assert step_ms(pipeline(workers=0, steps_per_batch=0.25)) == pytest.approx(60)


def test_nothing_to_replay_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one batch"):
        replay(pipeline(0))


work = st.lists(st.floats(0, 50), min_size=1, max_size=30)


@given(work, work, st.integers(0, 5), st.integers(1, 4), st.floats(0.5, 8), st.booleans())
def test_a_step_takes_at_least_its_own_work_and_its_share_of_the_cpus(
    make: list[float], loop: list[float], workers: int, prefetch: int, cpus: float, in_order: bool
) -> None:
    count = max(len(make), len(loop))
    made = Pipeline(
        make_cpu=np.resize(make, count) * MS, make_blocked=np.zeros(count), send=np.zeros(count),
        loop_cpu=np.resize(loop, count) * MS, loop_blocked=np.zeros(count),
        workers=workers, prefetch=prefetch, in_order=in_order, cpus=cpus,
    )  # fmt: skip
    found = replay(made, passes=1)
    own, all_ = made.loop_cpu.mean(), made.loop_cpu.mean() + made.make_cpu.mean()
    assert found.step_ns >= own * 0.999 - 10
    # Out of order, the last batches used aren't the last ones: some of the making may still be under way.
    assert found.step_ns >= all_ / cpus * 0.999 - 10 or cpus > 1 or not in_order
    # The worst that can be: all one after the other, with what workers make ahead, on one CPU or less.
    made_ahead = made.make_cpu.max() * (count + workers * (prefetch + 1))
    assert found.step_ns <= (own + made_ahead / count) / min(cpus, 1.0) * 1.001 + 10
    assert found.wait_ns >= 0
    assert found.starved_ns >= 0
