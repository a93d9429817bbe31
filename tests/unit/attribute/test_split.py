"""Hand-built steps whose split is known to the nanosecond."""

from __future__ import annotations

import pytest

from tests.unit.attribute.scenes import LOADER, MAIN, MATMUL, MS, QUEUE_GET, TRAIN, Scene, library, ns, own
from throughput.attribute.attribution import attribute
from throughput.model.attribution import Attribution
from throughput.model.category import Block, Category, Phase, Source, State
from throughput.model.run import CollectorStatus
from throughput.model.timeline import LockInfo

CACHE = LockInfo(name="cache_lock", kind="Lock", made_at="train.py:3")
OK = {n: CollectorStatus(name=n, state="ok") for n in ("locks", "syscalls", "stacks")}


def parts(scene: Scene) -> dict[Category, float]:
    """Return the mean ms a step of each category that has time."""
    found = attribute(scene.timeline(), OK)
    total: dict[Category, float] = {}
    for step in found.steps:
        for category, part in step.parts_ns.items():
            total[category] = total.get(category, 0.0) + part / MS / len(found.steps)
    return total


def row(found: Attribution, category: Category) -> tuple[float | None, Source, State]:
    (one,) = (r for r in found.split if r.category is category)
    return one.share, one.source, one.state


def test_timers_alone() -> None:
    scene = Scene()
    for _ in range(4):
        scene.step((Phase.LOADER, 30), (Phase.REST, 20), (Phase.SAVE, 10), (Phase.BACKWARD, 40))
    assert parts(scene) == pytest.approx(
        {Category.DATA_LOADING: 30, Category.LOGGING_CHECKPOINT: 10, Category.UNATTRIBUTED: 60}
    )


def test_time_in_the_run_queue_is_nobodys_work() -> None:
    scene = Scene()
    scene.step((Phase.LOADER, 30, 12), (Phase.SAVE, 70, 3))
    assert parts(scene) == pytest.approx(
        {Category.CPU_STARVED: 15, Category.DATA_LOADING: 18, Category.LOGGING_CHECKPOINT: 67}
    )


def test_stacks_divide_the_rest() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.sample(0, 50, MAIN, TRAIN, MATMUL)
    scene.sample(50, 70, MAIN, TRAIN)
    scene.sample(70, 80, MAIN, TRAIN, library("info", "logging/__init__.py"))
    scene.sample(80, 100, MAIN, own("get_batch", 7, "data.py"))
    assert parts(scene) == pytest.approx(
        {
            Category.COMPUTE: 50,
            Category.HOST_WORK: 20,
            Category.LOGGING_CHECKPOINT: 10,
            Category.DATA_LOADING: 20,
        }
    )


def test_stacks_of_one_stretch_speak_for_the_clean_steps_alike() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.step((Phase.REST, 60), block=Block.STACKS)
    scene.sample(100, 145, MAIN, TRAIN, MATMUL)
    scene.sample(145, 160, MAIN, TRAIN)
    assert parts(scene) == pytest.approx({Category.COMPUTE: 60, Category.HOST_WORK: 20})


def test_stacks_of_heavy_blocks_say_nothing() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.step((Phase.REST, 100), block=Block.CPROFILE)
    scene.sample(0, 100, MAIN, TRAIN, MATMUL)
    scene.sample(100, 200, MAIN, TRAIN)
    assert parts(scene) == pytest.approx({Category.COMPUTE: 100})


def test_operators_tell_compute_from_dispatch() -> None:
    scene = Scene()
    scene.step((Phase.BACKWARD, 100))
    scene.step((Phase.BACKWARD, 200), block=Block.TORCH)
    scene.operators.append((ns(100), ns(250)))
    scene.operators.append((ns(120), ns(130)))  # within the other
    assert parts(scene) == pytest.approx({Category.COMPUTE: 75, Category.HOST_WORK: 25})


def test_only_loading_seen_in_the_rest() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.sample(0, 100, MAIN, own("get_batch", 7, "data.py"))
    assert parts(scene) == pytest.approx({Category.DATA_LOADING: 100})


def test_a_wait_for_a_lock_comes_off_its_phase() -> None:
    scene = Scene()
    other = scene.track("thread", "publisher")
    scene.step((Phase.LOADER, 50), (Phase.SAVE, 50))
    scene.wait(10, 25, CACHE, holder=other)
    scene.wait(60, 65, CACHE, holder=other)
    assert parts(scene) == pytest.approx(
        {Category.LOCK_CONTENTION: 20, Category.DATA_LOADING: 35, Category.LOGGING_CHECKPOINT: 45}
    )


def test_a_wait_outside_the_clean_steps_costs_them_nothing() -> None:
    scene = Scene()
    scene.step((Phase.SAVE, 100))
    scene.step((Phase.SAVE, 100), block=Block.TORCH)
    scene.wait(120, 190, CACHE)
    assert parts(scene) == pytest.approx({Category.LOGGING_CHECKPOINT: 100})


def test_the_gil_is_bounded_by_what_the_thread_was_blocked() -> None:
    scene = Scene()
    scene.step((Phase.SAVE, 100, 0, 20))  # 20 ms neither on a CPU nor in the run queue
    for at in range(5, 100, 5):
        scene.block(at, 5, "gil")  # the samples say 95 ms
    assert parts(scene) == pytest.approx({Category.LOCK_CONTENTION: 20, Category.LOGGING_CHECKPOINT: 80})


def test_training_waits_for_a_worker_that_waits_for_a_lock() -> None:
    """The chain: the wait for the batch is lock contention while its maker waited for the lock."""
    scene = Scene()
    worker = scene.track("worker", "worker 0", pid=200, worker=0)
    scene.loader(1)
    for at in (0, 100):
        scene.step((Phase.LOADER, 60, 0, 60), (Phase.SAVE, 40))
        scene.batch(wanted=at, taken=at + 60, begun=at + 5, made=at + 58)
        scene.wait(at + 10, at + 40, CACHE, waiter=worker)
    assert parts(scene) == pytest.approx(
        {Category.LOCK_CONTENTION: 30, Category.DATA_LOADING: 30, Category.LOGGING_CHECKPOINT: 40}
    )


def test_a_lock_wait_of_a_worker_that_nobody_waits_for_is_idle() -> None:
    scene = Scene()
    worker = scene.track("worker", "worker 0", pid=200, worker=0)
    scene.loader(1)
    scene.step((Phase.LOADER, 1), (Phase.SAVE, 99))
    scene.batch(wanted=0, taken=1, begun=-60, made=-2)
    scene.wait(20, 90, CACHE, waiter=worker)
    found = attribute(scene.timeline(), OK)
    assert row(found, Category.LOCK_CONTENTION)[0] == 0.0
    (lock,) = found.locks
    assert lock.places.name == "cache_lock"
    assert lock.training_ns_per_step == lock.through_waker_ns_per_step == 0
    assert lock.idle_ns_per_step == pytest.approx(70 * MS)


def test_what_was_not_measured_is_not_zero() -> None:
    scene = Scene()
    scene.step((Phase.LOADER, 30), (Phase.REST, 70))
    found = attribute(scene.timeline(), {})
    assert row(found, Category.LOCK_CONTENTION) == (None, Source.NONE, State.NOT_MEASURED)
    assert row(found, Category.COMPUTE) == (None, Source.NONE, State.NOT_MEASURED)
    assert row(found, Category.HOST_TO_DEVICE) == (None, Source.NONE, State.NOT_APPLICABLE)
    assert row(found, Category.COMMUNICATION) == (None, Source.NONE, State.NOT_APPLICABLE)
    assert row(found, Category.CPU_STARVED)[2] is State.MEASURED


def test_without_schedstat_starvation_is_not_measured() -> None:
    scene = Scene()
    scene.step((Phase.LOADER, 30), (Phase.REST, 70))
    scene.segments = [(*s[:4], -1) for s in scene.segments]
    assert row(attribute(scene.timeline(), OK), Category.CPU_STARVED)[2] is State.NOT_MEASURED


def test_a_copy_without_a_device_is_shown_all_the_same() -> None:
    scene = Scene()
    scene.step((Phase.COPY, 10), (Phase.SAVE, 90))
    share, source, state = row(attribute(scene.timeline(), OK), Category.HOST_TO_DEVICE)
    assert share == pytest.approx(0.1)
    assert (source, state) == (Source.TIMER, State.PARTIAL)


def test_blocked_backward_of_a_rank_among_several_is_communication() -> None:
    scene = Scene()
    scene.facts["world_size"] = 2
    scene.step((Phase.BACKWARD, 100, 5, 30))
    found = parts(scene)
    assert found[Category.COMMUNICATION] == pytest.approx(30)
    assert found[Category.CPU_STARVED] == pytest.approx(5)


def test_the_interval_holds_the_share() -> None:
    scene = Scene()
    for number in range(40):
        scene.step((Phase.LOADER, 20 + number % 5), (Phase.SAVE, 60))
    found = attribute(scene.timeline(), OK)
    (loading,) = (r for r in found.split if r.category is Category.DATA_LOADING)
    assert loading.share == pytest.approx(22 / 82)
    assert loading.low is not None
    assert loading.high is not None
    assert loading.low < 22 / 82 < loading.high
    assert loading.ns_per_step == pytest.approx(22 * MS)


def test_a_collectors_own_cost_is_a_ratio_to_plain_steps() -> None:
    scene = Scene()
    for block, ms in ((Block.LIGHT, 100), (Block.STACKS, 101), (Block.TORCH, 130), (Block.CPROFILE, 300)):
        for _ in range(3):
            scene.step((Phase.REST, ms), block=block)
    assert attribute(scene.timeline(), OK).overhead == pytest.approx(
        {"stacks": 1.01, "torch": 1.3, "cprofile": 3.0}
    )


def test_waiting_for_a_queue_is_loading() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.sample(0, 40, MAIN, TRAIN, QUEUE_GET)
    scene.sample(40, 100, MAIN, TRAIN, MATMUL)
    assert parts(scene) == pytest.approx({Category.DATA_LOADING: 40, Category.COMPUTE: 60})


def test_stacks_within_a_timed_phase_dont_divide_it() -> None:
    scene = Scene()
    scene.step((Phase.LOADER, 100))
    scene.sample(0, 100, MAIN, TRAIN, LOADER, MATMUL, phase=Phase.LOADER)
    assert parts(scene) == pytest.approx({Category.DATA_LOADING: 100})
