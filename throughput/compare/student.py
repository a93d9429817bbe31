"""Turn degrees of freedom into points and p-values of Student's t, exactly, by the standard library."""

from __future__ import annotations

import math
from functools import lru_cache

BISECTIONS = 60
"""Halvings of an angle under a right angle: far below what a float can tell."""


def inside(t: float, freedom: int) -> float:
    """Return the probability that |T| stays under `t`, for whole degrees of freedom.

    Abramowitz and Stegun, 26.7.3 and 26.7.4: a finite sum over powers of a cosine.

    Raises:
        ValueError: less than one degree of freedom.
    """
    if freedom < 1:
        raise ValueError(f"{freedom} degrees of freedom")
    return _inside(math.atan(abs(t) / math.sqrt(freedom)), freedom)


def _inside(angle: float, freedom: int) -> float:
    cosine, sine = math.cos(angle), math.sin(angle)
    if freedom % 2 == 0:
        return sine * _series(cosine, first=1, last=freedom - 2)
    if freedom == 1:
        return 2 * angle / math.pi
    return 2 / math.pi * (angle + sine * cosine * _series(cosine, first=2, last=freedom - 2))


def _series(cosine: float, *, first: int, last: int) -> float:
    """Return 1 + f/(f+1) cos^2 + f(f+2)/((f+1)(f+3)) cos^4 + ..., up to the factor that `last` allows."""
    total = term = 1.0
    factor = first
    while factor < last:
        term *= factor / (factor + 1) * cosine * cosine
        total += term
        factor += 2
    return total


@lru_cache(maxsize=4096)
def point(confidence: float, freedom: int) -> float:
    """Return the t that |T| stays under with this probability.

    Raises:
        ValueError: no probability strictly between 0 and 1, or less than one degree of freedom.
    """
    if not 0 < confidence < 1 or freedom < 1:
        raise ValueError(f"confidence {confidence} with {freedom} degrees of freedom")
    low, high = 0.0, math.pi / 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _inside(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def p_value(t: float, freedom: int) -> float:
    """Return how likely so large a t is, on either side, where nothing differs."""
    return max(0.0, 1.0 - inside(t, freedom))
