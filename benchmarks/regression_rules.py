"""Decide as other tools do, from the raw step times of several processes a side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Times = Sequence[np.ndarray[Any, Any]]


def ratio_of_means(base: Times, head: Times) -> bool:
    """Return pytest-benchmark's `mean:5%`: a bare threshold on the pooled mean."""
    return bool(np.concatenate(head).mean() > 1.05 * np.concatenate(base).mean())


def ratio_of_minima(base: Times, head: Times) -> bool:
    """Return pytest-benchmark's `min:5%`."""
    return bool(np.concatenate(head).min() > 1.05 * np.concatenate(base).min())


def raw_samples(base: Times, head: Times) -> bool:
    """Return asv's rule: Mann-Whitney on raw samples, p < .002, and a factor of 1.1."""
    one, other = np.concatenate(base), np.concatenate(head)
    return mann_whitney(one, other) < 0.002 and bool(np.median(other) > 1.1 * np.median(one))


def medians(base: Times, head: Times) -> bool:
    """Return benchstat's rule: Mann-Whitney on one value a process, p < .05; slower only."""
    one, other = (np.array([np.median(times) for times in side]) for side in (base, head))
    return mann_whitney(one, other) < 0.05 and bool(np.median(other) > np.median(one))


OTHERS: dict[str, Callable[[Times, Times], bool]] = {
    "ratio of means > 5 % (pytest-benchmark)": ratio_of_means,
    "ratio of minima > 5 % (pytest-benchmark)": ratio_of_minima,
    "Mann-Whitney on steps and x1.1 (asv)": raw_samples,
    "Mann-Whitney on process medians (benchstat)": medians,
}


def mann_whitney(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """Return the two-sided p-value: exact for few values without ties, else the normal approximation."""
    n, m = len(one), len(other)
    u = float((other[:, None] > one[None, :]).sum() + 0.5 * (other[:, None] == one[None, :]).sum())
    if n * m <= 400 and len(np.unique(np.concatenate([one, other]))) == n + m:
        ways = _ways(n, m)
        tail = sum(ways[: int(min(u, n * m - u)) + 1])
        return min(1.0, 2 * tail / sum(ways))
    spread = math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(u - n * m / 2) / spread / math.sqrt(2))


def _ways(n: int, m: int) -> list[int]:
    """Return for each U in how many orders of n and m values it comes about."""
    table = [[[1] for _ in range(m + 1)] for _ in range(n + 1)]
    for a in range(1, n + 1):
        for b in range(1, m + 1):
            counts = [0] * (a * b + 1)
            for u, ways in enumerate(table[a - 1][b]):
                counts[u + b] += ways
            for u, ways in enumerate(table[a][b - 1]):
                counts[u] += ways
            table[a][b] = counts
    return table[n][m]
