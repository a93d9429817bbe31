"""Whom the training thread waits for: the thread that ended the wait, and whom that one waited for."""

from __future__ import annotations

import numpy as np

from tests.unit.attribute.scenes import LOCK_MADE, MAIN, QUEUE_GET, TRAIN, Scene, library, ns, own
from throughput.attribute.attribution import attribute
from throughput.attribute.view import CleanView, clean_view
from throughput.attribute.wakers import awaited_threads
from throughput.model.category import Category, Phase
from throughput.model.timeline import Timeline

RUN = own("Pool.run", 5, "pool.py")
WORK = own("decode", 12, "pool.py")
SCORE = own("score", 30, "watch.py")
IDLE = library("_worker", "concurrent/futures/thread.py")
CONDITION = library("Condition.wait", "threading.py")
COLLATED = own("collator", 8, "pool.py")


def view(scene: Scene) -> CleanView:
    found = clean_view(scene.timeline())
    assert found is not None
    return found


def shares(timeline: Timeline) -> dict[Category, float]:
    rows = attribute(timeline, {}).split
    return {row.category: round(row.share, 3) for row in rows if row.share}


def waiting(ms: float = 40) -> Scene:
    """Steps of 100 ms, in each of which training waits for a queue for so long."""
    scene = Scene()
    for _ in range(10):
        begin = scene.at
        scene.step((Phase.REST, 100, 0, ms))
        scene.sample(begin, begin + ms, MAIN, TRAIN, QUEUE_GET)
        scene.sample(begin + ms, begin + 100, MAIN, TRAIN)
    return scene


def test_the_thread_that_worked_last_is_the_one_waited_for() -> None:
    scene = waiting()
    first, last = scene.track("thread", "pool-0"), scene.track("thread", "pool-1")
    for step in range(10):
        begin = 100 * step
        scene.sample(begin, begin + 30, RUN, WORK, track=first)
        scene.sample(begin + 30, begin + 100, IDLE, track=first)
        scene.sample(begin + 35, begin + 40, RUN, WORK, track=last)
        scene.sample(begin + 40, begin + 135, IDLE, track=last)
    found = awaited_threads(view(scene))
    assert int(found[last].times.within(np.array([ns(0)]), np.array([ns(1000)]))[0]) == 400_000_000
    # The last one rested at first: then the other was waited for.
    assert int(found[first].times.within(np.array([ns(0)]), np.array([ns(1000)]))[0]) > 0


def test_the_lock_wait_of_the_thread_waited_for_counts_and_no_other() -> None:
    scene = waiting()
    awaited, other = scene.track("thread", "make-0"), scene.track("thread", "make-1")
    for step in range(10):
        begin = 100 * step
        scene.wait(begin, begin + 25, LOCK_MADE, waiter=awaited, holder=other)
        scene.sample(begin, begin + 25, RUN, CONDITION, track=awaited)
        scene.sample(begin + 25, begin + 40, RUN, WORK, track=awaited)
        scene.sample(begin + 40, begin + 100, IDLE, track=awaited)
        scene.sample(begin, begin + 25, RUN, WORK, track=other)
        # This one stands at the lock while nobody waits for it.
        scene.wait(begin + 26, begin + 90, LOCK_MADE, waiter=other, holder=awaited)
        scene.sample(begin + 26, begin + 90, RUN, CONDITION, track=other)
    found = shares(scene.timeline())
    assert found[Category.LOCK_CONTENTION] == 0.25
    assert found[Category.DATA_LOADING] == 0.15


def test_a_thread_that_waits_for_others_is_not_blamed_for_their_work() -> None:
    scene = waiting()
    collator, decoder = scene.track("thread", "collator"), scene.track("thread", "decoder")
    for step in range(10):
        begin = 100 * step
        scene.sample(begin, begin + 36, COLLATED, QUEUE_GET, track=collator)
        scene.sample(begin + 36, begin + 40, COLLATED, track=collator)
        scene.sample(begin + 40, begin + 100, COLLATED, QUEUE_GET, track=collator)
        scene.sample(begin, begin + 36, RUN, WORK, track=decoder)
    spots = {spot.name: spot.share for spot in attribute(scene.timeline(), {}).hotspots}
    assert round(spots["decode"], 2) == 0.36
    assert round(spots["collator"], 2) == 0.04


def test_waiting_until_a_thread_is_done_is_that_threads_work() -> None:
    scene = Scene()
    watch = scene.track("thread", "watch")
    for _ in range(10):
        begin = scene.at
        scene.step((Phase.REST, 100, 0, 40))
        scene.sample(begin, begin + 40, MAIN, TRAIN, CONDITION)
        scene.sample(begin + 40, begin + 100, MAIN, TRAIN)
        scene.sample(begin, begin + 40, RUN, SCORE, track=watch)
        scene.sample(begin + 40, begin + 100, RUN, CONDITION, track=watch)
    found = attribute(scene.timeline(), {})
    assert shares(scene.timeline()).get(Category.DATA_LOADING, 0) == 0
    score = next(spot for spot in found.hotspots if spot.name == "score")
    assert (score.category, round(score.share, 2)) == (Category.HOST_WORK, 0.4)


def test_nobody_is_waited_for_where_nobody_worked() -> None:
    scene = waiting()
    scene.track("thread", "idle")
    assert awaited_threads(view(scene)) == {}
