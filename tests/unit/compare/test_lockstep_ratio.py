"""Ratios of processes that ran in turns: blocks are found, starvation is left out, pairs are the unit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.compare.lockstep import (
    PairRatio,
    block_costs,
    combined,
    fresh_ratio,
    pair_ratio,
    per_samples,
)
from throughput.errors import ThroughputError
from throughput.model.category import Block
from throughput.model.timeline import Segments, Step, Timeline

MS = 1_000_000


def in_turns(step_ms: float, *, turns: int = 20, steps: int = 5, starved_ms: float = 0.0) -> Timeline:
    """Return a timeline of turns with pauses of a second between them, after 3 steps of warm-up."""
    made: list[Step] = []
    now, length = 0, round((step_ms + starved_ms) * MS)
    for turn in range(turns):
        for _ in range(steps):
            block = Block.WARMUP if len(made) < 3 else Block.LIGHT
            made.append(Step(index=len(made), start_ns=now, end_ns=now + length, block=block))
            now += length
        now += 1_000 * MS if turn < turns - 1 else 0
    start = np.array([step.start_ns for step in made])
    end = np.array([step.end_ns for step in made])
    zeros = np.zeros(len(made), dtype=np.int64)
    segments = Segments(
        phase=zeros, start_ns=start, end_ns=end, cpu_ns=end - start,
        runq_ns=zeros + round(starved_ms * MS),
    )  # fmt: skip
    return Timeline(rank=0, steps=tuple(made), tracks=(), segments=segments)


def test_a_turn_is_what_lies_between_two_pauses() -> None:
    # The first turn keeps 2 of its 5 steps after the warm-up, too few to stand beside the others.
    assert block_costs(in_turns(10)) == [10 * MS] * 19


def test_the_ratio_is_of_the_second_over_the_first() -> None:
    found = pair_ratio(in_turns(10), in_turns(12))
    assert math.exp(found.log_ratio) == pytest.approx(1.2)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_waiting_for_a_cpu_is_no_cost_of_either() -> None:
    found = pair_ratio(in_turns(10), in_turns(10, starved_ms=5))
    assert math.exp(found.log_ratio) == pytest.approx(1.0)


def test_too_few_turns_are_refused() -> None:
    with pytest.raises(ThroughputError, match="turns were taken"):
        pair_ratio(in_turns(10, turns=4), in_turns(10, turns=20))


def one(log_ratio: float, error: float = 0.01) -> PairRatio:
    return PairRatio(log_ratio=log_ratio, blocks=20, error=error, first_ns=1e7, second_ns=1e7)


def test_a_single_pair_has_the_interval_of_its_blocks() -> None:
    found = combined([one(0.0, error=0.02)])
    assert found.low == pytest.approx(math.exp(-1.96 * 0.02))
    assert found.pairs == 1
    with pytest.raises(ValueError, match="no pair"):
        combined([])


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_the_interval_holds_the_middle_and_grows_with_the_spread(logs: list[float]) -> None:
    found = combined([one(log) for log in logs])
    assert found.low <= found.ratio <= found.high
    wider = combined([one(2 * log) for log in logs])
    assert math.log(wider.high / wider.low) >= math.log(found.high / found.low) - 1e-9


def test_few_pairs_mean_a_wide_interval() -> None:
    # Student's t with one degree of freedom is 12.7: two pairs that differ by 2 % say little.
    two = combined([one(0.0), one(0.02)])
    assert math.log(two.high / two.ratio) == pytest.approx(12.706 * 0.01, rel=1e-3)


def test_runs_one_after_the_other_compare_the_steps_that_both_took() -> None:
    found = fresh_ratio(in_turns(10, turns=4), in_turns(15, turns=20, starved_ms=5))
    assert math.exp(found.log_ratio) == pytest.approx(1.5)
    assert found.blocks == 17
    with pytest.raises(ThroughputError, match="steps were timed"):
        fresh_ratio(in_turns(10, turns=2), in_turns(10))


def sized(timeline: Timeline, samples: int | None) -> Timeline:
    return replace(timeline, steps=tuple(replace(step, samples=samples) for step in timeline.steps))


def test_a_ratio_for_equal_samples() -> None:
    first, second = in_turns(10), in_turns(12)
    pair = pair_ratio(first, second)
    found = per_samples(pair, sized(first, 8), sized(second, 16))
    assert math.exp(found.log_ratio) == pytest.approx(0.6)
    assert found.second_ns == pytest.approx(6 * MS)
    assert per_samples(pair, sized(first, None), sized(second, 16)) == pair
