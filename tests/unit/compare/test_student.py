"""Student's t: known points, and the inverse of its own distribution."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.compare.student import inside, p_value, point

TABLE = (
    (1, 0.95, 12.7062), (2, 0.95, 4.30265), (3, 0.95, 3.18245), (4, 0.95, 2.77645), (9, 0.95, 2.26216),
    (30, 0.95, 2.04227), (2, 0.995, 14.0890), (3, 0.995, 7.45332), (4, 0.995, 5.59757), (10, 0.99, 3.16927),
)  # fmt: skip


@pytest.mark.parametrize(("freedom", "confidence", "expected"), TABLE)
def test_points_are_those_of_the_tables(freedom: int, confidence: float, expected: float) -> None:
    assert point(confidence, freedom) == pytest.approx(expected, rel=1e-5)


@given(st.floats(0.001, 0.9999), st.integers(1, 200))
def test_the_point_is_where_the_probability_lies(confidence: float, freedom: int) -> None:
    assert inside(point(confidence, freedom), freedom) == pytest.approx(confidence, abs=1e-9)


@given(st.floats(0, 50), st.integers(1, 100))
def test_p_values_are_probabilities_and_fall_with_t(t: float, freedom: int) -> None:
    assert 0 <= p_value(t + 1, freedom) <= p_value(t, freedom) + 1e-12 <= 1 + 1e-12
    assert p_value(-t, freedom) == p_value(t, freedom)


def test_many_degrees_of_freedom_are_the_normal_distribution() -> None:
    assert inside(1.96, 5000) == pytest.approx(math.erf(1.96 / math.sqrt(2)), abs=1e-4)


@pytest.mark.parametrize(("confidence", "freedom"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_what_is_no_probability_is_refused(confidence: float, freedom: int) -> None:
    with pytest.raises(ValueError, match="freedom"):
        point(confidence, freedom)
