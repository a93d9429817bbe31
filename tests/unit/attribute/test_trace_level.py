"""Ranks replayed with their stragglers as early as the others: what that saves, and what it must not."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.flows.trace_scenes import training
from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import rank_trace
from throughput.attribute.trace import attribute_trace
from throughput.attribute.trace_level import levelled, replay_error
from throughput.attribute.trace_ranks import Collectives, collectives_of
from throughput.model.attribution import Attribution

STEP_NS = 1_000_000


def ranks_of(*lates: float, steps: int = 5) -> tuple[list[Collectives], list[Attribution]]:
    """Return ranks whose kernels begin so many us late in each step of 1,000."""
    traces = []
    for rank, late in enumerate(lates):
        data = json.dumps({"traceEvents": training(steps, late=late)}).encode()
        traces.append(rank_trace(read_trace(io.BytesIO(data), "trace.json"), rank))
    return [collectives_of(one) for one in traces], [attribute_trace(one) for one in traces]


def test_an_unchanged_replay_ends_when_the_ranks_did() -> None:
    ranks, _ = ranks_of(0, 20, 150, 60)
    assert replay_error(ranks) == pytest.approx(0, abs=1e-9)


def test_a_straggler_at_the_others_pace_saves_what_it_comes_later_than_the_next() -> None:
    ranks, found = ranks_of(0, 20, 150, 0)
    (one,) = levelled(ranks, found, [(2,)])
    assert one.step_ns == pytest.approx(STEP_NS)
    assert one.low_ns <= one.expected_ns <= one.high_ns
    assert one.expected_ns == pytest.approx(130_000, rel=0.01)


def test_two_stragglers_together_save_more_than_each_alone() -> None:
    ranks, found = ranks_of(0, 150, 140, 0)
    one, other, both = levelled(ranks, found, [(1,), (2,), (1, 2)])
    assert one.expected_ns == pytest.approx(10_000, rel=0.01)
    assert other.expected_ns == 0
    assert both.expected_ns == pytest.approx(150_000, rel=0.01)


def test_who_is_not_late_saves_nothing_and_nobody_is_made_slower() -> None:
    ranks, found = ranks_of(0, 0, 150)
    (early,) = levelled(ranks, found, [(0,)])
    assert (early.low_ns, early.expected_ns, early.high_ns) == (0, 0, 0)


def test_ranks_without_common_collectives_are_not_replayed() -> None:
    ranks, found = ranks_of(0)
    assert levelled(ranks, found, [(0,)]) == ()
    assert replay_error(ranks) is None


@given(st.lists(st.lists(st.integers(1, 50), min_size=6, max_size=6), min_size=2, max_size=5))
def test_any_ranks_are_replayed_to_where_they_were(work: list[list[int]]) -> None:
    """Ranks that work these times between collectives of 5: the replay knows when each ends."""
    _, found = ranks_of(0, steps=1)
    left, begun = 0, np.zeros((len(work), 6), dtype=np.int64)
    for column in range(6):
        begun[:, column] = [left + row[column] for row in work]
        left = int(begun[:, column].max()) + 5
    ended = begun.max(axis=0) + 5
    ranks: list[Any] = [
        Collectives(
            rank=number, begin_ns=0, step=np.zeros(6, dtype=np.int64), key=("all",) * 6, start_ns=row,
            end_ns=ended,
        )
        for number, row in enumerate(begun)
    ]  # fmt: skip
    assert replay_error(ranks) == pytest.approx(0, abs=1e-9)
    for rank in range(len(ranks)):
        (one,) = levelled(ranks, found * len(ranks), [(rank,)])
        assert 0 <= one.low_ns <= one.expected_ns <= one.high_ns
        fastest = np.array(work)
        others = np.delete(fastest, rank, axis=0)
        fastest[rank] = np.minimum(fastest[rank], others.min(axis=0))
        assert one.high_ns == pytest.approx(left - (fastest.max(axis=0) + 5).sum())
