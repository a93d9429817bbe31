"""The offset between py-spy's clock and the run's is found again where it was planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.align.clocks import FINE_NS, SEARCH_NS, find_offset, phase_at

MS = 1_000_000


def loop(seed: int, steps: int = 60) -> tuple[Any, Any, Any]:
    """Return segments of a training loop: loader, rest, backward, optimizer, of uneven lengths."""
    rng = np.random.default_rng(seed)
    phases = np.tile([1, 0, 2, 3], steps)
    lengths = (rng.uniform(0.5, 1.5, len(phases)) * np.tile([8, 3, 9, 2], steps) * MS).astype(np.int64)
    end = 50_000 * MS + np.cumsum(lengths)
    return end - lengths, end, phases


@given(st.integers(0, 50), st.integers(0, SEARCH_NS // MS - 1), st.sampled_from([100, 250, 1000]))
def test_a_planted_offset_is_found(seed: int, delay_ms: int, rate: int) -> None:
    segments = loop(seed)
    guess = int(segments[0][0]) - 200 * MS
    planted = guess + delay_ms * MS + 345_678
    period = 1_000_000_000 // rate
    instants = np.arange(int(segments[0][0]), int(segments[1][-1]), period) - planted
    seen = phase_at(instants + planted, *segments)
    offset, agreement = find_offset(instants, seen, segments, guess)
    assert agreement > 0.95
    # Within a sample's distance nothing tells two offsets apart.
    assert abs(offset - planted) <= max(period, 2 * FINE_NS)


def test_wrong_samples_move_it_little() -> None:
    segments = loop(3)
    planted = int(segments[0][0]) + 120 * MS
    instants = np.arange(0, int(segments[1][-1] - planted), 4 * MS)
    seen = phase_at(instants + planted, *segments)
    rng = np.random.default_rng(1)
    seen = np.where(rng.random(len(seen)) < 0.2, 0, seen)
    offset, agreement = find_offset(instants, seen, segments, planted - 150 * MS)
    assert abs(offset - planted) <= 2 * MS
    assert 0.75 < agreement < 0.95


def test_nothing_to_go_by() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert find_offset(none, none, (none, none, none), 77) == (77, 0.0)
    _, agreement = find_offset(np.arange(5) * MS, np.ones(5, dtype=np.int64), (none, none, none), 77)
    assert agreement == 0.0


@pytest.mark.parametrize(("time", "phase"), [(9, -1), (10, 1), (19, 1), (20, -1), (25, 2), (30, -1)])
def test_the_phase_at_a_time(time: int, phase: int) -> None:
    start, end, phases = np.array([10, 25]), np.array([20, 30]), np.array([1, 2])
    assert phase_at(np.array([time]), start, end, phases).tolist() == [phase]
