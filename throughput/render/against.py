"""Turn two reports of comparable runs into what differs between them, in time a step.

It judges nothing: a difference is stated, and said to be within noise where the two 95 % intervals overlap.
The intervals are of the steps inside each run; what differs from run to run of one script is not in them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from throughput.errors import NotComparable
from throughput.model.attribution import Hotspot, SplitRow
from throughput.model.category import CATEGORIES, Category, State
from throughput.model.flame import Flames
from throughput.model.report import Report, StepTime
from throughput.render.labels import plain
from throughput.render.memory import largest_batch
from throughput.render.wording import has_device

BATCH_RATIO = 1.1
"""Up to here batches count as of one size: short last ones and unseen ones move the mean by less."""
LISTED = 20
"""As many places as a report lists: one that is missing costs less than the last of a full list."""
Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """A mean time a step, ns, with the 95 % interval where one is known."""

    ns: float
    low: float | None = None
    high: float | None = None

    @property
    def half_ns(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A time a step in both runs; a side is None where it was not measured or not listed."""

    then: Time | None
    now: Time | None
    difference_ns: float | None
    half_ns: float | None
    """Half width of the difference's interval, for its digits."""
    within_noise: bool | None
    """Whether the intervals overlap; None where one of them is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryChange:
    """A category of the split in both runs."""

    category: Category
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotChange:
    """A place in both runs, matched by name, file, function and process; `kind`: new, gone or changed."""

    spot: Hotspot
    """As this run lists it; as the baseline does where it is gone."""
    kind: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """This run beside a baseline; categories in a report's order, places by size of the difference."""

    then: Report
    now: Report
    step: Change
    categories: tuple[CategoryChange, ...]
    spots: tuple[SpotChange, ...]
    has_spots: bool
    """False where a run lists no place, so that none can be matched."""
    flames: Flames | None = None
    """The baseline's flame graphs; None where neither its raw files nor its saved stacks were at hand."""
    processes: int = 0
    """How many the baseline's figures are means of, where it is a saved benchmark; 0 where it is a run."""


def compared(now: Report, then: Report) -> Against:
    """Return what differs between a run and its baseline.

    Raises:
        NotComparable: a run has no timed step, or batch size, device or number of ranks differ.
    """
    if now.throughput is None or then.throughput is None:
        which = "This run" if now.throughput is None else "The baseline"
        raise NotComparable(
            f"{which} has no timed step, so there is nothing to compare.", hint="Profile it again."
        )
    reasons = [reason for reason in (_batches(now, then), _devices(now, then), _ranks(now, then)) if reason]
    if reasons:
        fits = largest_batch((now.memory, batch_size(now)), (then.memory, batch_size(then)))
        raise NotComparable(
            f"The two runs can't be compared: {'; '.join(reasons)}.",
            hint="Profile both with the same batch size, device and number of ranks." + fits,
        )
    times = now.throughput.step_ns, then.throughput.step_ns
    both = bool(now.hotspots and then.hotspots)
    return Against(
        then=then,
        now=now,
        step=change(_step(times[1]), _step(times[0])),
        categories=_categories(now.split, then.split, *times),
        spots=_spots(now.hotspots, then.hotspots, *times) if both else (),
        has_spots=both,
    )


def change(then: Time | None, now: Time | None) -> Change:
    """Return the difference of two times, where both are known."""
    if then is None or now is None:
        return Change(then=then, now=now, difference_ns=None, half_ns=None, within_noise=None)
    halves = (then.half_ns, now.half_ns)
    half = None if halves[0] is None or halves[1] is None else math.hypot(halves[0], halves[1])
    return Change(
        then=then, now=now, difference_ns=now.ns - then.ns, half_ns=half, within_noise=_overlap(then, now)
    )


def batch_size(report: Report) -> float | None:
    """Return the mean number of samples in a step; None where no batch was seen."""
    speed = report.throughput
    if speed is None or speed.samples_per_s is None or not speed.steps_per_s:
        return None
    return speed.samples_per_s / speed.steps_per_s


def _overlap(one: Time, other: Time) -> bool | None:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return None
    return one.low <= other.high and other.low <= one.high


def _batches(now: Report, then: Report) -> str:
    one, other = batch_size(now), batch_size(then)
    if not one or not other or max(one, other) / min(one, other) <= BATCH_RATIO:
        return ""
    return f"{one:.4g} samples a step here, {other:.4g} in the baseline"


def _devices(now: Report, then: Report) -> str:
    one, other = _device(now), _device(then)
    if one == other or ("GPU" in (one, other) and "CPU" not in (one, other)):  # a GPU of unknown name
        return ""
    return f"device {one} here, {other} in the baseline"


def _device(report: Report) -> str:
    """Return the device's name, "GPU" where it isn't known, or "CPU"."""
    used = report.run.environment.get("device_used")
    if not (used if isinstance(used, bool) else has_device(report.split)):
        return "CPU"
    return plain(str(report.run.environment.get("device_name") or "GPU"), 60)


def _ranks(now: Report, then: Report) -> str:
    one, other = max(1, len(now.ranks)), max(1, len(then.ranks))
    return "" if one == other else f"{one} rank{'s' * (one > 1)} here, {other} in the baseline"


def _step(times: StepTime) -> Time:
    return Time(ns=times.mean, low=times.low, high=times.high)


def _time(row: SplitRow | Hotspot, times: StepTime) -> Time | None:
    """Return a time a step; its interval holds both its share's and the step's, so it is never too narrow."""
    if row.ns_per_step is None:
        return None
    if row.share is None or row.low is None or row.high is None or times.mean <= 0:
        return Time(ns=row.ns_per_step)
    step = row.ns_per_step / row.share if row.share > 0 else times.mean
    low, high = row.low * step * times.low / times.mean, row.high * step * times.high / times.mean
    known = math.isfinite(low) and math.isfinite(high)
    return Time(ns=row.ns_per_step, low=low if known else None, high=high if known else None)


def _categories(
    now: Sequence[SplitRow], then: Sequence[SplitRow], now_times: StepTime, then_times: StepTime
) -> tuple[CategoryChange, ...]:
    ours = {row.category: row for row in now if row.state is not State.NOT_APPLICABLE}
    theirs = {row.category: row for row in then if row.state is not State.NOT_APPLICABLE}
    rows = []
    for category in CATEGORIES:
        one, other = ours.get(category), theirs.get(category)
        new = _time(one, now_times) if one else None
        old = _time(other, then_times) if other else None
        if (new and new.ns) or (old and old.ns):  # what is zero or unknown in both is no row
            rows.append(CategoryChange(category=category, change=change(old, new)))
    return tuple(rows)


def _spots(
    now: Sequence[Hotspot], then: Sequence[Hotspot], now_times: StepTime, then_times: StepTime
) -> tuple[SpotChange, ...]:
    ours, theirs = _by_place(now), _by_place(then)
    found = []
    for key in {**ours, **theirs}:
        old = _total(theirs[key], then_times) if key in theirs else None
        new = _total(ours[key], now_times) if key in ours else None
        made = change(old or _unlisted(then), new or _unlisted(now))
        found.append(
            SpotChange(
                spot=max(ours.get(key) or theirs[key], key=lambda spot: spot.ns_per_step),
                kind="new" if old is None else "gone" if new is None else "changed",
                change=replace(made, then=old, now=new),
            )
        )
    return tuple(sorted(found, key=lambda row: -abs(row.change.difference_ns or 0.0)))


def _by_place(spots: Sequence[Hotspot]) -> dict[Key, list[Hotspot]]:
    places: dict[Key, list[Hotspot]] = {}
    for spot in spots:
        places.setdefault((spot.name, spot.file, spot.function, spot.process), []).append(spot)
    return places


def _total(spots: Sequence[Hotspot], times: StepTime) -> Time:
    """Return a place's time over all its callers and categories."""
    parts = [part for part in (_time(spot, times) for spot in spots) if part]
    lows = [part.low for part in parts if part.low is not None]
    highs = [part.high for part in parts if part.high is not None]
    known = len(lows) == len(highs) == len(parts)
    return Time(
        ns=sum(part.ns for part in parts),
        low=sum(lows) if known else None,
        high=sum(highs) if known else None,
    )


def _unlisted(spots: Sequence[Hotspot]) -> Time:
    """Return what a place that a run doesn't list can cost: nothing, or up to the last of a full list."""
    most = min(spot.ns_per_step for spot in spots) if len(spots) >= LISTED else 0.0
    return Time(ns=0.0, low=0.0, high=most)
