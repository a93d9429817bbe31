"""Replay the collectives of all ranks with some of them as early as the others: what their being late costs.

Put in: how long each rank works from one collective to the next, and how long a collective takes once the
last rank has come. Out come the waits: a collective begins to move data when the last rank is there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughput.attribute.intervals import Floats
from throughput.attribute.trace_ranks import Collectives, aligned
from throughput.model.attribution import Attribution

COLLECTIVES_MAX = 200_000
"""To replay one by one: about two seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levelled:
    """What a step saves if ranks come as early as the slowest, the median, the fastest of the others."""

    ranks: tuple[int, ...]
    step_ns: float
    low_ns: float
    expected_ns: float
    high_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Of each rank and collective, shape (ranks, collectives), in the order in which the last ranks came."""

    begins: Floats
    """When each rank begins its first step."""
    gaps: Floats
    """From a rank's collective before, or its beginning, to this one; not a number where it has none."""
    own: Floats
    """From when the last rank has come to this rank's end."""


def levelled(
    ranks: Sequence[Collectives], found: Sequence[Attribution], late: Sequence[tuple[int, ...]]
) -> tuple[Levelled, ...]:
    """Return what a step saves with each set of ranks at the pace of the others; empty without a replay.

    Args:
        ranks: the collectives of each.
        found: each rank's steps.
        late: sets of ranks, each replayed alone.
    """
    table = _table(ranks)
    if table is None:
        return ()
    steps = max(len(found[0].steps), 1)
    step_ns = float(np.median([np.mean([s.duration_ns for s in one.steps] or [0]) for one in found]))
    base = _replayed(table, table.gaps)
    numbers = [one.rank for one in ranks]
    rows = []
    for together in late:
        which = np.array([numbers.index(rank) for rank in together])
        if len(which) >= len(ranks):
            continue
        # Of the others at each collective: a pace that is slower saves less.
        saved = [
            max(0.0, base - _replayed(table, _at_pace(table.gaps, which, pace))) / steps
            for pace in (np.nanmax, np.nanmedian, np.nanmin)
        ]
        low, expected, high = sorted(saved)
        rows.append(
            Levelled(ranks=tuple(together), step_ns=step_ns, low_ns=low, expected_ns=expected, high_ns=high)
        )
    return tuple(rows)


def replay_error(ranks: Sequence[Collectives]) -> float | None:
    """Return by how much a replay of the unchanged ranks misses the end of their last collective."""
    both, table = aligned(ranks), _table(ranks)
    if both is None or table is None:
        return None
    end, begin = float(np.nanmax(both.ended)), float(np.min(table.begins))
    return (_replayed(table, table.gaps) - end) / (end - begin)


def _table(ranks: Sequence[Collectives]) -> _Table | None:
    both = aligned(ranks)
    if both is None or both.begun.shape[1] > COLLECTIVES_MAX:
        return None
    order = np.argsort(np.nanmax(both.begun, axis=0), kind="stable")
    begun, ended = both.begun[:, order], both.ended[:, order]
    left = both.begins.copy()
    gaps = np.empty_like(begun)
    for column in range(begun.shape[1]):
        gaps[:, column] = begun[:, column] - left
        there = ~np.isnan(begun[:, column])
        left[there] = ended[there, column]
    return _Table(begins=both.begins, gaps=gaps, own=ended - np.nanmax(begun, axis=0))


def _replayed(table: _Table, gaps: Floats) -> float:
    """Return when the last rank ends its last collective."""
    left = table.begins.copy()
    for column in range(gaps.shape[1]):
        came = left + gaps[:, column]
        there = ~np.isnan(came)
        left[there] = came[there].max() + table.own[there, column]
    return float(left.max())


def _at_pace(gaps: Floats, which: Any, pace: Callable[..., Any]) -> Floats:
    """Return gaps in which some ranks need no longer than the others' pace; nobody is made slower."""
    others = np.delete(gaps, which, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a collective that none of the others has
        reference = pace(others, axis=0)
    changed: Floats = gaps.copy()
    changed[which] = np.fmin(gaps[which], np.where(np.isnan(reference), np.inf, reference))
    changed[np.isnan(gaps)] = np.nan
    return changed
