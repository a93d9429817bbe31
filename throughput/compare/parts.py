"""Say which components and hotspots of a step changed, with Holm's control over how many were tested."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from throughput.compare.pairs import PairSample
from throughput.compare.student import p_value, point
from throughput.model.benchmark import ProcessSample, SavedSpot
from throughput.model.verdict import Mark, PartRow, SpotRow

ERROR_RATE = 0.05
"""Of all components together: they explain a verdict, they don't make one."""
EFFECT = 0.01
"""Of the step: a smaller change of one component is not worth a name."""
HALVES = 2.0
"""Intervals of one run a side are of its samples alone: runs differ by more."""
CONFIDENCE = 0.95
SHOWN = 20
"""Hotspots in a table."""
LISTED = 20
"""As many as a report lists: one that is missing costs less than the last of a full list."""
Values = Sequence[float]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tested:
    """A change over the base's step with its interval and raw p-value; None where it was not tested."""

    change: float
    half: float | None
    p_value: float | None


def of_pairs(pairs: Sequence[PairSample]) -> tuple[PartRow, ...]:
    """Return every component over the pairs, largest change first."""
    names = sorted({name for pair in pairs for name in pair.parts})
    tested = {}
    sides = {}
    for name in names:
        both = [pair.parts.get(name, (0.0, 0.0)) for pair in pairs]
        sides[name] = (float(np.mean([one[0] for one in both])), float(np.mean([sum(one) for one in both])))
        tested[name] = _one_sample([one[1] / pair.base_ns for one, pair in zip(both, pairs, strict=True)])
    return _rows(sides, tested)


def of_processes(base: Sequence[ProcessSample], head: Sequence[ProcessSample]) -> tuple[PartRow, ...]:
    """Return every category that either side measured, over its processes, largest change first."""
    names = sorted({name for sample in (*base, *head) for name in sample.categories})
    step = float(np.mean([sample.mean_ns for sample in base]))
    tested, sides = {}, {}
    for name in names:
        before, now = ([s.categories.get(name, 0.0) for s in side] for side in (base, head))
        sides[name] = (float(np.mean(before)), float(np.mean(now)))
        tested[name] = _two_samples([v / step for v in before], [v / step for v in now])
    return _rows(sides, tested)


def of_spots(
    base: Sequence[SavedSpot], head: Sequence[SavedSpot], *, steps_ns: tuple[float, float]
) -> tuple[SpotRow, ...]:
    """Return the places of both sides, largest change first, matched by name, file, function and process.

    Args:
        base: hotspots before.
        head: hotspots now.
        steps_ns: the mean step on either side, in the same processes.
    """
    before, now = _by_place(base), _by_place(head)
    keys = [*before, *(key for key in now if key not in before)]
    tested = {key: _spot_test(before.get(key), now.get(key), steps_ns[0]) for key in keys}
    adjusted = holm({key: one.p_value for key, one in tested.items() if one.p_value is not None})
    unlisted = [min(s.ns_per_step for s in side) if len(side) >= LISTED else 0 for side in (base, head)]
    rows = []
    for key in keys:
        one, other = before.get(key), now.get(key)
        shown = other or one
        assert shown is not None
        row = SpotRow(
            name=shown.name,
            file=shown.file,
            line=shown.line,
            category=shown.category,
            process=shown.process,
            base_ns=float(one.ns_per_step) if one else None,
            head_ns=float(other.ns_per_step) if other else None,
            mark=Mark.UNTESTED,
            p_value=adjusted.get(key),
        )
        rows.append(replace(row, mark=_spot_mark((one, other), tested[key], adjusted.get(key), unlisted)))
    return tuple(sorted(rows, key=lambda row: -abs((row.head_ns or 0.0) - (row.base_ns or 0.0)))[:SHOWN])


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return p-values adjusted for how many were tested: the chance of any false one stays under the rate."""
    found: dict[Key, float] = {}
    largest = 0.0
    for number, (key, value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, value * (len(p_values) - number)))
        found[key] = largest
    return found


def _rows(sides: Mapping[str, tuple[float, float]], tested: Mapping[str, _Tested]) -> tuple[PartRow, ...]:
    adjusted = holm({name: one.p_value for name, one in tested.items() if one.p_value is not None})
    rows = [
        PartRow(
            component=name,
            base_ns=sides[name][0],
            head_ns=sides[name][1],
            change=one.change,
            half=one.half,
            p_value=adjusted.get(name),
            mark=_mark(one, adjusted.get(name)),
        )
        for name, one in tested.items()
        if any(sides[name])
    ]
    return tuple(sorted(rows, key=lambda row: -abs(row.change or 0.0)))


def _mark(one: _Tested, adjusted: float | None) -> Mark:
    if adjusted is None:
        return Mark.UNTESTED
    return Mark.CHANGED if adjusted < ERROR_RATE and abs(one.change) >= EFFECT else Mark.NOISE


def _one_sample(values: Values) -> _Tested:
    """Return the mean of paired differences, tested against zero; untested with fewer than three."""
    middle = float(np.mean(values))
    if len(values) < 3:
        return _Tested(change=middle, half=None, p_value=None)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return _with_error(middle, error, len(values) - 1)


def _two_samples(before: Values, now: Values) -> _Tested:
    """Return the difference of means, tested with the pooled spread; untested with one process on a side."""
    middle = float(np.mean(now) - np.mean(before))
    freedom = len(before) + len(now) - 2
    if min(len(before), len(now)) < 2:
        return _Tested(change=middle, half=None, p_value=None)
    squares = sum(float(((np.array(v) - np.mean(v)) ** 2).sum()) for v in (before, now))
    return _with_error(middle, math.sqrt(squares / freedom * (1 / len(before) + 1 / len(now))), freedom)


def _with_error(middle: float, error: float, freedom: int) -> _Tested:
    if error <= 0:
        return _Tested(change=middle, half=0.0, p_value=0.0 if middle else 1.0)
    return _Tested(
        change=middle, half=point(CONFIDENCE, freedom) * error, p_value=p_value(middle / error, freedom)
    )


def _spot_test(one: SavedSpot | None, other: SavedSpot | None, step_ns: float) -> _Tested:
    """Return a place's change over the step, tested by its processes; else against its sampling intervals."""
    before, now = (float(s.ns_per_step) if s else 0.0 for s in (one, other))
    each = [s.each_ns if s else () for s in (one, other)]
    if min(map(len, each)) >= 2:
        return _two_samples([v / step_ns for v in each[0]], [v / step_ns for v in each[1]])
    halves = [s.half_ns for s in (one, other) if s is not None]
    half = math.hypot(*(h or 0 for h in halves)) / step_ns if None not in halves else None
    return _Tested(change=(now - before) / step_ns, half=half, p_value=None)


def _spot_mark(
    both: tuple[SavedSpot | None, SavedSpot | None],
    tested: _Tested,
    adjusted: float | None,
    unlisted: Sequence[float],
) -> Mark:
    """Return what can be said of a place; one that a full list leaves out may only have become small."""
    if adjusted is not None:
        return _mark(tested, adjusted)
    if tested.half is None:
        return Mark.UNTESTED
    one, other = both
    present = one or other
    assert present is not None
    small = abs(tested.change) < max(EFFECT, HALVES * tested.half)
    if one is None or other is None:
        hidden = unlisted[0] if one is None else unlisted[1]
        if small or present.ns_per_step <= hidden:
            return Mark.NOISE
        return Mark.NEW if one is None else Mark.GONE
    return Mark.NOISE if small else Mark.CHANGED


def _by_place(spots: Sequence[SavedSpot]) -> dict[tuple[str, str, str, str], SavedSpot]:
    return {(spot.name, spot.file, spot.function, spot.process): spot for spot in spots}
