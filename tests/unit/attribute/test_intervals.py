"""Coverage against a bitmap, spans, and resampling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from throughput.attribute.intervals import Coverage, ratio_interval, resample, span_of

SIZE = 60
INSTANTS = st.integers(-5, SIZE + 5)
SPANS = st.lists(st.tuples(INSTANTS, INSTANTS), max_size=12)


def pair(spans: list[tuple[int, int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    table = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def bitmap(spans: list[tuple[int, int]]) -> set[int]:
    return {instant for start, end in spans for instant in range(start, end)}


@given(SPANS, SPANS)
def test_coverage_is_what_a_bitmap_says(
    covering: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    covered = bitmap(covering)
    expected = [len(covered & set(range(start, end))) for start, end in asked]
    assert Coverage(*pair(covering)).within(*pair(asked)).tolist() == expected


@given(SPANS, st.lists(INSTANTS, max_size=12))
def test_coverage_up_to_a_time(covering: list[tuple[int, int]], times: list[int]) -> None:
    covered = bitmap(covering)
    expected = [sum(instant < time for instant in covered) for time in times]
    assert Coverage(*pair(covering)).up_to(np.array(times, dtype=np.int64)).tolist() == expected


@given(st.lists(INSTANTS, unique=True, max_size=12), st.lists(INSTANTS, max_size=12))
def test_the_span_that_holds_a_time(edges: list[int], times: list[int]) -> None:
    edges.sort()
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    found = span_of(np.array(times, dtype=np.int64), *pair(spans))
    for time, number in zip(times, found.tolist(), strict=True):
        inside = [n for n, (start, end) in enumerate(spans) if start <= time < end]
        assert [number] == (inside or [-1])


@given(st.integers(1, 300), st.integers(1, 40))
def test_resamples_are_whole_blocks_of_steps(steps: int, block: int) -> None:
    numbers = resample(steps, block)
    assert numbers.shape[1] == steps
    assert ((numbers >= 0) & (numbers < steps)).all()
    length = min(block, steps)
    for begin in range(0, steps - length + 1, length):
        row = numbers[0, begin : begin + length]
        assert ((row - row[0]) % steps == np.arange(length)).all()


def test_the_interval_holds_the_share_and_narrows_with_more_steps() -> None:
    rng = np.random.default_rng(3)
    widths = []
    for steps in (20, 500):
        whole = rng.uniform(80, 120, steps)
        parts = (whole * rng.uniform(0.2, 0.4, steps))[:, None]
        low, high = ratio_interval(parts, whole, 3)
        share = parts.sum() / whole.sum()
        assert low[0] <= share <= high[0]
        widths.append(high[0] - low[0])
    assert widths[1] < widths[0] / 2  # by the square root of 25, less chance


def test_a_constant_share_has_no_width() -> None:
    whole = np.linspace(10, 20, 30)
    low, high = ratio_interval(whole[:, None] * 0.25, whole, 4)
    assert np.allclose([low[0], high[0]], 0.25)


@given(SPANS, SPANS)
def test_what_two_coverages_share_and_what_one_has_alone(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    one, two = Coverage(*pair(first)), Coverage(*pair(second))
    both, alone = one.common(two), one.without(two)
    instants = np.arange(-6, SIZE + 6, dtype=np.int64)
    covered, wanted = bitmap(first), bitmap(second)
    assert both.within(instants, instants + 1).tolist() == [int(i in covered & wanted) for i in instants]
    assert alone.within(instants, instants + 1).tolist() == [int(i in covered - wanted) for i in instants]
