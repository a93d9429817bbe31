"""Folded stacks: time a step of the training thread and the workers, small enough to be committed."""

from __future__ import annotations

import gzip
from dataclasses import replace

from tests.unit.attribute.scenes import FETCH, MAIN, TRAIN, WORKER_LOOP, Scene, own
from throughput.model.category import Block, Phase
from throughput.model.timeline import Timeline
from throughput.render import folded
from throughput.render.folded import folded_stacks


def scene() -> Scene:
    made = Scene()
    made.step((Phase.REST, 100), block=Block.STACKS)
    made.step((Phase.REST, 100), block=Block.STACKS)
    made.sample(0, 100, MAIN, TRAIN)
    made.sample(100, 160, MAIN, TRAIN)
    made.sample(160, 199.9, MAIN)
    made.sample(199.9, 200, MAIN, own("rare;name", 3))
    return made


def lines(timeline: Timeline) -> dict[str, int]:
    text = gzip.decompress(folded_stacks(timeline)).decode()
    return {
        stack: int(value) for stack, _, value in (line.rpartition(" ") for line in text.splitlines() if line)
    }


def test_stacks_have_their_time_a_step_and_thin_ones_are_left_out() -> None:
    found = lines(scene().timeline())
    whole = "training process;<module> (train.py:1);train (train.py:1)"
    assert found == {whole: 80_000_000, "training process;<module> (train.py:1)": 19_950_000}


def test_workers_stand_apart() -> None:
    made = scene()
    worker = made.track("worker", "MainThread", pid=200, worker=0)
    other = made.track("thread", "logger")
    made.sample(0, 200, WORKER_LOOP, FETCH, track=worker)
    made.sample(0, 200, MAIN, track=other)
    found = lines(made.timeline())
    assert [stack.partition(";")[0] for stack in found].count("DataLoader workers") == 1
    assert len(found) == 3


def test_it_stays_small_and_the_largest_stay() -> None:
    made = Scene()
    made.step((Phase.REST, 1000), block=Block.STACKS)
    for number in range(400):
        made.sample(number * 2, number * 2 + 1 + (number == 7), MAIN, own(f"function_{number:04d}", 5))
    whole = folded_stacks(made.timeline())
    limit = folded.BYTES_MAX
    try:
        folded.BYTES_MAX = len(whole) // 3
        small = folded_stacks(made.timeline())
    finally:
        folded.BYTES_MAX = limit
    assert len(small) <= len(whole) // 3
    assert b"function_0007" in gzip.decompress(small)


def test_a_run_without_stacks_has_none() -> None:
    plain = replace(scene().timeline(), steps=())
    assert lines(plain) == {}


def test_the_same_run_gives_the_same_bytes() -> None:
    assert folded_stacks(scene().timeline()) == folded_stacks(scene().timeline())
