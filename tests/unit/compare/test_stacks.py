"""The function behind a change, from the flame graphs of both sides."""

from __future__ import annotations

from tests.unit.render.test_folded import COMPUTE, LOADING, MS, flames, rows
from throughput.compare.stacks import Moved, moved_function


def side(rounding_ms: float, main_ms: float = 4.0) -> list[tuple[int, int, float]]:
    """Return stacks of main alone, and of main > round_pixels > numpy's round."""
    return [(0, COMPUTE, main_ms), (2, LOADING, rounding_ms)]


def found(base: list[tuple[int, int, float]], head: list[tuple[int, int, float]], ms: float) -> Moved | None:
    return moved_function(flames(rows("blame", *base)), flames(rows("blame", *head, steps=5)), ms * MS)


def test_the_innermost_own_function_is_named() -> None:
    assert found(side(2.0), side(9.0), 7.0) == Moved(
        function="round_pixels", file="augment.py", base_ns=2.0 * MS, head_ns=9.0 * MS
    )


def test_one_that_is_new_or_gone_is_named_too() -> None:
    alone = [(0, COMPUTE, 4.0)]
    new, gone = found(alone, side(7.0), 7.0), found(side(7.0), alone, -7.0)
    assert new is not None
    assert (new.function, new.base_ns) == ("round_pixels", 0.0)
    assert gone is not None
    assert (gone.function, gone.head_ns) == ("round_pixels", 0.0)


def test_what_moved_by_little_or_the_other_way_explains_nothing() -> None:
    assert found(side(2.0), side(3.0), 7.0) is None
    assert found(side(9.0), side(2.0), 7.0) is None
    assert found(side(2.0), side(9.0), 0.0) is None
    assert moved_function(flames(), flames(), 1.0 * MS) is None  # no tab of blame
