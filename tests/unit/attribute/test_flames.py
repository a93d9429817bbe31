"""Flame graphs: what lies below what, that they sum to the step, and where waiting leads."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.attribute.scenes import (
    LOADER,
    LOCK_MADE,
    MAIN,
    MATMUL,
    MS,
    QUEUE_GET,
    TRAIN,
    Scene,
    own,
)
from tests.unit.attribute.test_hotspots import CLEAN, ITEM, ROUND, found, workers_scene
from throughput.attribute.flame_blame import WORKERS
from throughput.model.attribution import Attribution
from throughput.model.category import CATEGORIES, Category, Phase
from throughput.model.flame import FlameRows
from throughput.model.timeline import LOCK_FRAME

PUBLISH = own("Publisher.publish", 40, "publisher.py")
WAITS = own("Meter.add", 7, "meter.py")


def tab(attribution: Attribution, name: str) -> FlameRows:
    (rows,) = (one for one in attribution.flames.tabs if one.tab == name)
    return rows


def times(attribution: Attribution, name: str) -> dict[tuple[str, ...], float]:
    """Return ms a step by the functions' names, outermost first."""
    rows, stacks = tab(attribution, name), attribution.flames.stacks
    summed: dict[tuple[str, ...], float] = {}
    for stack, ns in zip(rows.stack.tolist(), rows.ns.tolist(), strict=True):
        path = tuple(stacks.frames[n].function for n in stacks.stacks[stack])
        summed[path] = summed.get(path, 0.0) + ns / rows.steps / MS
    return summed


def functions(*frames: object) -> tuple[str, ...]:
    return tuple(frame if isinstance(frame, str) else frame.function for frame in frames)  # type: ignore[attr-defined]


def test_the_training_thread_shows_where_it_was() -> None:
    seen = times(found(workers_scene()), "training")
    assert seen == pytest.approx(
        {functions(MAIN, TRAIN, LOADER, QUEUE_GET): 80, functions(MAIN, TRAIN, MATMUL): 20}
    )


def test_blame_puts_the_workers_stacks_below_the_wait() -> None:
    seen = times(found(workers_scene()), "blame")
    below = {path[2:]: ms for path, ms in seen.items() if path[:2] == functions(MAIN, TRAIN)}
    assert sum(seen.values()) == pytest.approx(100)
    assert below[functions(MATMUL)] == pytest.approx(20)
    rounds = sum(ms for path, ms in below.items() if path[0] == WORKERS and path[-1] == ROUND.function)
    items = sum(ms for path, ms in below.items() if path[0] == WORKERS and path[-1] == ITEM.function)
    assert rounds == pytest.approx(80 * 60 / 95)
    assert items == pytest.approx(80 * 35 / 95)
    assert any(CLEAN.function in path for path in below)


def test_hotspots_and_blame_say_the_same() -> None:
    attribution = found(workers_scene())
    seen = times(attribution, "blame")
    for spot in attribution.hotspots:
        total = sum(ms for path, ms in seen.items() if spot.function in path[-1:])
        assert total == pytest.approx(spot.ns_per_step / MS), spot.name


def test_a_wait_leads_to_what_was_waited_for() -> None:
    attribution = found(workers_scene())
    frames = attribution.flames.stacks.frames
    leads = {
        tuple(frames[n].function for n in wait): tuple(frames[n].function for n in below)
        for wait, below in attribution.flames.waits
    }
    assert leads[functions(MAIN, TRAIN, LOADER)] == functions(MAIN, TRAIN, WORKERS)


def test_each_steps_rows_sum_to_that_step() -> None:
    attribution = found(workers_scene())
    for name in ("training", "blame"):
        rows = tab(attribution, name)
        by_step = np.bincount(rows.step[rows.step >= 0], weights=rows.step_ns[rows.step >= 0])
        assert by_step.tolist() == pytest.approx([b.duration_ns for b in attribution.steps])


def lock_scene() -> Scene:
    """Two steps of 100 ms that wait 60 ms for a lock which a thread holds while it publishes."""
    scene = Scene()
    other = scene.track("thread", "publisher")
    for at in (0, 100):
        scene.step((Phase.REST, 80, 0, 60), (Phase.BACKWARD, 20))
        held, waited = scene.stack(MAIN, PUBLISH), scene.stack(MAIN, TRAIN, WAITS)
        scene.sample(at, at + 60, MAIN, TRAIN, WAITS, LOCK_FRAME)
        scene.sample(at + 60, at + 80, MAIN, TRAIN)
        scene.sample(at + 80, at + 100, MAIN, TRAIN, MATMUL, phase=Phase.BACKWARD)
        scene.sample(at, at + 60, MAIN, PUBLISH, track=other)
        scene.wait(at, at + 60, LOCK_MADE, waiter=0, holder=other, held=held, waited=waited)
    return scene


def test_a_lock_wait_leads_to_the_holders_stack() -> None:
    attribution = found(lock_scene())
    seen = times(attribution, "blame")
    word = f"waits for {LOCK_MADE.name}, held by:"
    assert seen[functions(MAIN, TRAIN, WAITS, word, MAIN, PUBLISH)] == pytest.approx(60)
    assert sum(seen.values()) == pytest.approx(100)
    rows = tab(attribution, "blame")
    locked = rows.category == CATEGORIES.index(Category.LOCK_CONTENTION)
    assert rows.ns[locked].sum() / rows.steps == pytest.approx(60 * MS)


def test_waiting_for_a_cpu_is_a_frame_of_its_own_in_each_step() -> None:
    scene = Scene()
    for at in (0, 100):
        scene.step((Phase.REST, 100, 25))
        scene.sample(at, at + 100, MAIN, TRAIN)
    attribution = found(scene)
    for name in ("training", "blame"):
        assert times(attribution, name)["waits for a CPU",] == pytest.approx(25)
        rows = tab(attribution, name)
        starved = rows.category == CATEGORIES.index(Category.CPU_STARVED)
        assert rows.step_ns[starved].tolist() == pytest.approx([25 * MS, 25 * MS])


def test_all_threads_show_waiting_as_idle_and_workers_by_number() -> None:
    attribution = found(workers_scene())
    assert {path[0] for path in times(attribution, "workers")} == {"DataLoader worker 0"}
    assert {path[0] for path in times(attribution, "threads")} == {"DataLoader worker 0", "training thread"}
    rows = tab(attribution, "threads")
    idle = rows.ns[rows.category == CATEGORIES.index(Category.IDLE)].sum() / rows.steps / MS
    assert idle == pytest.approx(80 + 5, abs=3)


def test_a_phase_without_stacks_says_so() -> None:
    scene = Scene()
    scene.step((Phase.REST, 60), (Phase.SAVE, 40))
    scene.sample(0, 60, MAIN, TRAIN)
    seen = times(found(scene), "training")
    assert seen["no stack was seen in saving",] == pytest.approx(40)


def test_without_stacks_there_is_no_graph() -> None:
    scene = Scene()
    scene.step((Phase.REST, 60))
    assert not found(scene).flames.tabs
