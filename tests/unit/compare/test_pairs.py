"""Pairs in turns: turn by turn, component by component, waits for a CPU left out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.compare import samples as s
from throughput.compare.pairs import Recorded, component, in_turns, one_after_the_other
from throughput.errors import ScriptFailed
from throughput.model.attribution import StepBreakdown
from throughput.model.category import Block, Category
from throughput.model.timeline import Step, Timeline

MS = 1_000_000


def side(turns: int = 12, steps: int = 5, *, samples: int | None = 8, **parts_ms: float) -> Recorded:
    """Return a side whose steps are made of such parts, in turns with a pause of a second between them."""
    made: list[Step] = []
    rows: list[StepBreakdown] = []
    now = 0
    parts = {Category(name): round(ms * MS) for name, ms in parts_ms.items()}
    length = sum(parts.values())
    for _ in range(turns):
        for _ in range(steps):
            index = len(made)
            made.append(
                Step(index=index, start_ns=now, end_ns=now + length, block=Block.LIGHT, samples=samples)
            )
            rows.append(StepBreakdown(index=index, duration_ns=length, parts_ns=parts))
            now += length
        now += 1_000 * MS
    timeline = Timeline(rank=0, steps=tuple(made), tracks=(), facts={"max_rss_kib": 1000})
    return Recorded(timeline=timeline, steps=tuple(rows))


def usual(**more: float) -> dict[str, Any]:
    return {"data_loading": 4.0, "unattributed": 6.0} | more


def test_the_step_and_each_component_are_compared_turn_by_turn() -> None:
    found = in_turns(side(**usual()), side(**usual(data_loading=5.0)))
    assert math.exp(found.log_ratio) == pytest.approx(1.1)
    assert found.error == pytest.approx(0.0, abs=1e-12)
    assert found.parts["data_loading"] == pytest.approx((4.0 * MS, 1.0 * MS))
    assert found.parts["compute_and_host"] == pytest.approx((6.0 * MS, 0.0))
    assert (found.base_ns, found.head_ns) == pytest.approx((10.0 * MS, 11.0 * MS))
    assert found.samples == (8.0, 8.0)
    assert found.memory == (1_024_000.0, 1_024_000.0)


def test_waiting_for_a_cpu_is_no_cost_but_is_said() -> None:
    found = in_turns(side(**usual()), side(**usual(cpu_starved=10.0)))
    assert found.log_ratio == pytest.approx(0.0)
    assert "cpu_starved" not in found.parts
    assert found.starved == pytest.approx((0.0, 0.5))


def test_a_component_that_only_one_side_has_counts_as_nothing_on_the_other() -> None:
    found = in_turns(side(**usual()), side(**usual(lock_contention=2.0)))
    assert found.parts["lock_contention"] == pytest.approx((0.0, 2.0 * MS))


def test_too_few_turns_are_refused() -> None:
    with pytest.raises(ScriptFailed, match="turns were taken"):
        in_turns(side(turns=3, **usual()), side(**usual()))


def test_unknown_batches_are_unknown() -> None:
    assert in_turns(side(samples=None, **usual()), side(**usual())).samples == (None, 8.0)


def test_what_light_timers_cannot_divide_is_one_component() -> None:
    assert component("compute") == component("host_work") == component("idle") == "compute_and_host"
    assert component("data_loading") == "data_loading"


def test_processes_that_ran_one_after_the_other_are_a_pair_without_an_error() -> None:
    starved = replace(s.process(10.0), starved_ns=10 * MS)
    found = one_after_the_other(starved, s.process(12.0, data_loading=3.0))
    assert math.exp(found.log_ratio) == pytest.approx(1.2)
    assert found.error is None
    assert found.parts["data_loading"] == pytest.approx((0.0, 3.0 * MS))
    assert found.starved == pytest.approx((0.5, 0.0))
