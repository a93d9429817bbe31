"""Write numbers and shapes as SVG path data, in as few bytes as their size on the screen deserves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Point = tuple[float, float]


def number(value: float) -> str:
    """Return a coordinate with one decimal, none where it is zero."""
    return f"{value:.1f}".removesuffix(".0")


def line(points: Sequence[Point]) -> str:
    """Return an open line through the points; one point becomes a short stroke."""
    if len(points) == 1:
        x, y = points[0]
        points = [(x - 1, y), (x + 1, y)]
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def area(points: Sequence[Point], bottom: float) -> str:
    """Return the closed area between the points and `bottom`."""
    if len(points) < 2:
        return ""
    base = number(bottom)
    return f"{line(points)}L{number(points[-1][0])} {base}L{number(points[0][0])} {base}Z"


def boxes(spans: Iterable[tuple[float, float]]) -> str:
    """Return boxes from begin to end, as strokes that the style sheet makes high; close ones become one."""
    merged: list[list[float]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    # None is too thin to be seen.
    return "".join(f"M{number(begin)} 0h{number(max(1.0, end - begin))}" for begin, end in merged)
