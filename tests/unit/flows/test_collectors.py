"""Collectors' states: what the parent knows, with what the training process said."""

from __future__ import annotations

from typing import Any

from tests.unit.attribute.scenes import MAIN, TRAIN, Scene
from throughput import units
from throughput.flows.collectors import NO_BLOCK, collector_states
from throughput.model.category import Block, Phase
from throughput.model.run import CollectorStatus
from throughput.model.timeline import Step, Timeline

OK = tuple(CollectorStatus(name=name, state="ok") for name in ("light", "copies", "cprofile"))


def lacks(name: str, points: Any) -> dict[str, Any]:
    return {"collector": "light", "missing": f"torch 9.9 has no {name}", "lost": "x", "points": points}


def states(**facts: Any) -> dict[str, tuple[str, str | None]]:
    step = Step(index=1, start_ns=0, end_ns=9, block=Block.CPROFILE)
    timeline = Timeline(rank=0, steps=(step,), tracks=())
    return {s.name: (s.state, s.reason) for s in collector_states(OK, facts, timeline)}


def test_nothing_said_leaves_them_ok() -> None:
    assert set(states().values()) == {("ok", None)}


def test_a_missing_point_makes_a_collector_partial_and_all_of_them_unavailable() -> None:
    rows = [lacks("a", 2)]
    assert states(missing=rows)["light"] == ("partial", "torch 9.9 has no a: x")
    both = states(missing=[*rows, lacks("b", 2)])
    assert both["light"] == ("unavailable", "torch 9.9 has no a: x; torch 9.9 has no b: x")
    assert both["copies"] == ("ok", None)


def test_many_missing_points_are_counted_and_odd_counts_mean_nothing() -> None:
    state, reason = states(missing=[lacks(str(n), "many") for n in range(9)])["light"]
    assert state == "partial"
    assert reason is not None
    assert reason.endswith("and 6 more")


def test_what_the_process_said_counts_unless_the_parent_knows_better() -> None:
    said = [{"name": "cprofile", "state": "unavailable", "reason": "the script uses a profiler itself"}]
    assert states(collectors=said)["cprofile"] == ("unavailable", "the script uses a profiler itself")
    off = (CollectorStatus(name="cprofile", state="off", reason="not asked for"),)
    nothing = Timeline(rank=0, steps=(), tracks=())
    assert collector_states(off, {"collectors": said}, nothing) == off
    (absent,) = collector_states((OK[2],), {}, nothing)
    assert (absent.state, absent.reason) == ("unavailable", NO_BLOCK)


def test_stacks_that_end_early_are_no_whole_picture() -> None:
    scene = Scene()
    for _ in range(10):
        scene.step((Phase.REST, 100), block=Block.STACKS)

    def stacks() -> tuple[str, str | None]:
        (found,) = collector_states((CollectorStatus(name="stacks", state="ok"),), {}, scene.timeline())
        return found.state, found.reason

    assert stacks() == ("failed", f"stacks cover {units.percent(0.0)} of the steps that were sampled")
    scene.sample(0, 600, MAIN, TRAIN)
    assert stacks() == ("partial", f"stacks cover {units.percent(0.6)} of the steps that were sampled")
    scene.sample(600, 950, MAIN, TRAIN)
    assert stacks() == ("ok", None)
