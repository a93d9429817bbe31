"""Where blame goes: from the wait to the work of the one waited for, and how places are ranked."""

from __future__ import annotations

import pytest

from tests.unit.attribute.scenes import (
    FETCH,
    LOADER,
    MAIN,
    MATMUL,
    MS,
    QUEUE_GET,
    TRAIN,
    WORKER_LOOP,
    Scene,
    library,
    own,
)
from throughput.attribute.attribution import attribute
from throughput.model.attribution import Attribution, Hotspot
from throughput.model.category import Block, Category, Phase
from throughput.model.run import CollectorStatus
from throughput.model.timeline import Call, LockInfo

OK = {n: CollectorStatus(name=n, state="ok") for n in ("locks", "syscalls", "stacks")}
CACHE = LockInfo(name="cache_lock", kind="Lock", made_at="train.py:3")
ITEM = own("Recordings.__getitem__", 12, "data.py")
ROUND = library("round", "numpy/_core/fromnumeric.py")
CLEAN = own("clean", 4, "cleaning.py")
CLEANING = "import numpy as np\n\ndef clean(values):\n    return np.round(values, 3)\n"
POLL = library("Connection.poll", "multiprocessing/connection.py")


def found(scene: Scene) -> Attribution:
    return attribute(scene.timeline(), OK)


def named(attribution: Attribution, name: str) -> Hotspot:
    (spot,) = (h for h in attribution.functions if h.name == name)
    return spot


def workers_scene() -> Scene:
    """Two steps that wait 80 of 100 ms for a batch that a worker made in 95 ms, 60 of them in numpy.round."""
    scene = Scene()
    worker = scene.track("worker", "worker 0", pid=200, worker=0)
    scene.source("cleaning.py", CLEANING)
    scene.loader(1)
    for at in (0, 100):
        scene.step((Phase.LOADER, 80), (Phase.BACKWARD, 20))
        scene.sample(at, at + 80, MAIN, TRAIN, LOADER, QUEUE_GET, phase=Phase.LOADER)
        scene.sample(at + 80, at + 100, MAIN, TRAIN, MATMUL, phase=Phase.BACKWARD)
        scene.batch(wanted=at, taken=at + 80, begun=at - 16, made=at + 79)
        scene.sample(at - 16, at + 44, MAIN, WORKER_LOOP, FETCH, ITEM, CLEAN, ROUND, track=worker)
        scene.sample(at + 44, at + 79, MAIN, WORKER_LOOP, FETCH, ITEM, track=worker)
        scene.sample(at + 79, at + 84, MAIN, WORKER_LOOP, POLL, track=worker)
    return scene


def test_a_wait_for_a_batch_is_blamed_on_its_maker() -> None:
    attribution = found(workers_scene())
    first = attribution.hotspots[0]
    assert (first.rank, first.name, first.process) == (1, "numpy.round", "DataLoader workers")
    assert first.category is Category.DATA_LOADING
    assert first.caller is not None
    assert (first.caller.function, first.caller.file, first.caller.line) == ("clean", "cleaning.py", 4)
    assert first.ns_per_step == pytest.approx(80 * 60 / 95 * MS, rel=1e-3)
    assert first.share == pytest.approx(0.8 * 60 / 95, rel=1e-3)
    item = named(attribution, "Recordings.__getitem__")
    assert item.ns_per_step == pytest.approx(80 * 35 / 95 * MS, rel=1e-3)
    assert (item.file, item.line) == ("data.py", 12)


def test_waiting_itself_is_no_hotspot() -> None:
    names = {h.name for h in found(workers_scene()).functions}
    assert names == {"numpy.round", "Recordings.__getitem__", "torch.nn.Linear.forward"}


def test_blamed_time_sums_to_the_step() -> None:
    assert sum(h.share for h in found(workers_scene()).functions) == pytest.approx(1.0, abs=1e-6)


def test_source_lines_carry_their_heat() -> None:
    first = found(workers_scene()).hotspots[0]
    assert first.source_file == "cleaning.py"
    assert [line.text for line in first.source] == CLEANING.split("\n")
    assert {line.line for line in first.source if line.share is not None} == {4}
    (hot,) = (line.share for line in first.source if line.line == 4)
    assert hot == pytest.approx(first.share)


def test_hidden_workers_score_nothing() -> None:
    scene = Scene()
    worker = scene.track("worker", "worker 0", pid=200, worker=0)
    scene.loader(1)
    scene.step((Phase.REST, 100))
    scene.sample(0, 100, MAIN, TRAIN, MATMUL)
    scene.batch(wanted=99, taken=99, begun=-50, made=40)
    scene.sample(0, 90, MAIN, WORKER_LOOP, FETCH, ITEM, track=worker)
    assert [h.name for h in found(scene).functions] == ["torch.nn.Linear.forward"]


def test_a_queue_fed_by_a_thread_is_blamed_on_the_thread() -> None:
    scene = Scene()
    reader = scene.track("thread", "reader")
    idle = scene.track("thread", "idle pool")
    scene.source("cleaning.py", CLEANING)
    scene.step((Phase.REST, 100))
    scene.sample(0, 60, MAIN, TRAIN, QUEUE_GET)
    scene.sample(60, 100, MAIN, TRAIN, MATMUL)
    scene.sample(0, 60, own("read", 8), CLEAN, ROUND, track=reader)
    scene.sample(60, 100, own("read", 9), QUEUE_GET, track=reader)
    scene.sample(0, 100, own("serve", 3), QUEUE_GET, track=idle)
    attribution = found(scene)
    spot = named(attribution, "numpy.round")
    assert (spot.thread, spot.process) == ("reader", "training process")
    assert spot.ns_per_step == pytest.approx(60 * MS)
    assert {h.name for h in attribution.functions} == {"numpy.round", "torch.nn.Linear.forward"}


def test_ranked_by_time() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    for at, ms, name in ((0, 20, "small"), (20, 50, "large"), (70, 30, "middle")):
        scene.sample(at, at + ms, MAIN, own(name, at + 1))
    attribution = found(scene)
    assert [h.name for h in attribution.hotspots] == ["large", "middle", "small"]
    assert [h.rank for h in attribution.hotspots] == [1, 2, 3]


def test_a_place_seen_twice_is_named_nowhere() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.sample(0, 98, MAIN, own("large", 5))
    scene.sample(98, 100, MAIN, own("rare", 6))
    assert [h.name for h in found(scene).functions] == ["large"]


def test_own_code_shows_its_busiest_line() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.sample(0, 30, MAIN, own("train", 41))
    scene.sample(30, 100, MAIN, own("train", 44))
    spot = named(found(scene), "train")
    assert (spot.line, spot.ns_per_step) == (44, pytest.approx(100 * MS))


def test_calls_a_step_come_from_cprofile() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    scene.sample(0, 100, MAIN, own("train", 41))
    for _ in range(4):
        scene.step((Phase.REST, 100), block=Block.CPROFILE)
    timeline = scene.timeline()
    call = Call(function="train", file="train.py", line=40, calls=12, self_ns=1, total_ns=2, role="training")
    object.__setattr__(timeline, "calls", (call,))
    assert attribute(timeline, OK).hotspots[0].calls_per_step == 3.0


def lock_scene() -> Scene:
    """Training waits 40 of 100 ms for a lock that a thread holds while it writes."""
    scene = Scene()
    writer = scene.track("thread", "publisher")
    waited = scene.stack(MAIN, own("train", 42))
    held = scene.stack(own("publish", 20, "publisher.py"))
    for at in (0, 100):
        scene.step((Phase.REST, 100))
        scene.sample(at, at + 60, MAIN, TRAIN, MATMUL)
        scene.sample(at, at + 95, own("publish", 23, "publisher.py"), track=writer)
        scene.wait(at + 60, at + 100, CACHE, holder=writer, waited=waited, held=held)
    return scene


def test_a_lock_is_one_hotspot_at_its_holders_busiest_line() -> None:
    attribution = found(lock_scene())
    (spot,) = (h for h in attribution.hotspots if h.lock is not None)
    assert (spot.file, spot.line, spot.function) == ("publisher.py", 23, "publish")
    assert spot.category is Category.LOCK_CONTENTION
    assert spot.ns_per_step == pytest.approx(40 * MS)
    assert spot.lock is not None
    assert spot.lock.name == "cache_lock"
    assert spot.lock.made_at == "train.py:3"
    assert spot.lock.held_at == "publisher.py:23"
    assert spot.lock.waited_at == "train.py:42"


def test_a_lock_says_who_held_it_and_who_waited() -> None:
    (lock,) = found(lock_scene()).locks
    assert lock.holder == "publisher"
    assert lock.waiters == ("MainThread",)
    assert lock.waits == 2
    assert lock.training_ns_per_step == pytest.approx(40 * MS)
    assert lock.idle_ns_per_step == 0


def test_without_samples_the_holders_stack_at_the_wait_counts() -> None:
    scene = lock_scene()
    scene.samples = [s for s in scene.samples if s[0] == 0]
    (spot,) = (h for h in found(scene).hotspots if h.lock is not None)
    assert (spot.file, spot.line) == ("publisher.py", 20)


def test_the_chain_names_the_lock_in_the_worker() -> None:
    """Training waits for a worker that waits for a lock that another worker holds."""
    scene = Scene()
    workers = [scene.track("worker", f"worker {n}", pid=200 + n, worker=n) for n in (0, 1)]
    scene.loader(2)
    held = scene.stack(MAIN, WORKER_LOOP, FETCH, own("Recordings.decode", 30, "data.py"))
    waited = scene.stack(MAIN, WORKER_LOOP, FETCH, own("Recordings.decode", 28, "data.py"))
    for at in (0, 100):
        scene.step((Phase.LOADER, 90, 0, 90), (Phase.BACKWARD, 10))
        scene.sample(at, at + 90, MAIN, TRAIN, LOADER, QUEUE_GET, phase=Phase.LOADER)
        scene.sample(at + 90, at + 100, MAIN, TRAIN, MATMUL, phase=Phase.BACKWARD)
        scene.batch(wanted=at, taken=at + 90, begun=at, made=at + 89, worker=0)
        scene.wait(at + 10, at + 70, CACHE, waiter=workers[0], holder=workers[1], held=held, waited=waited)
        scene.sample(at, at + 10, MAIN, WORKER_LOOP, FETCH, ITEM, track=workers[0])
        scene.sample(at + 70, at + 89, MAIN, WORKER_LOOP, FETCH, ITEM, track=workers[0])
    attribution = found(scene)
    first = attribution.hotspots[0]
    assert first.lock is not None
    assert (first.name, first.file, first.line) == ("cache_lock", "data.py", 30)
    assert first.ns_per_step == pytest.approx(60 * MS)
    assert attribution.locks[0].through_waker_ns_per_step == pytest.approx(60 * MS)
    assert named(attribution, "Recordings.__getitem__").ns_per_step == pytest.approx(30 * MS)


def test_the_gil_is_held_by_the_thread_that_ran_meanwhile() -> None:
    scene = Scene()
    hog = scene.track("thread", "hog")
    idle = scene.track("thread", "idle")
    scene.step((Phase.REST, 100, 0, 50))
    scene.sample(0, 100, MAIN, own("train", 41))
    scene.sample(0, 100, own("spin", 7, "hog.py"), track=hog)
    scene.sample(0, 100, own("serve", 3), QUEUE_GET, track=idle)
    for at in range(50, 100, 5):
        scene.block(at, 5, "gil")
        scene.block(at, 5, "running", track=hog)
        scene.block(at, 5, "futex", track=idle)
    (spot,) = (h for h in found(scene).hotspots if h.lock is not None)
    assert spot.name == "the GIL"
    assert (spot.file, spot.line) == ("hog.py", 7)
    assert spot.ns_per_step == pytest.approx(50 * MS)
    assert spot.lock is not None
    assert spot.lock.waited_at == "train.py:41"
    (gil,) = found(scene).locks
    assert gil.holder == "hog"


def test_the_loader_in_figures() -> None:
    loader = found(workers_scene()).loader
    assert loader is not None
    assert (loader.num_workers, loader.batches) == (1, 2)
    assert loader.made_ns == pytest.approx(95 * MS)
    assert loader.waited_ns == pytest.approx(80 * MS)
    assert loader.readiness == pytest.approx(0.2)
    assert loader.fetch_ns == loader.collate_ns == pytest.approx(47.5 * MS)
    assert loader.blocked_ns == 0


def test_the_loader_is_the_one_that_fed_the_steps() -> None:
    scene = workers_scene()
    scene.loader(0, number=2)  # an evaluation's, made later, that took no batch in the window
    loader = found(scene).loader
    assert loader is not None
    assert loader.num_workers == 1


def test_without_a_loader_there_are_no_figures() -> None:
    scene = Scene()
    scene.step((Phase.REST, 100))
    assert found(scene).loader is None
