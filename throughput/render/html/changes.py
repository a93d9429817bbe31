"""Turn a comparison into the page's baseline bar, the figures beside it, and the table of changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from throughput import units
from throughput.model.category import State
from throughput.render import changes, view
from throughput.render.against import Against
from throughput.render.html.sections import Amounts, Figure, Key, Segment, segments

HALF = 50.0  # percent: a difference's bar begins in the middle of its cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A difference to scale: `left` and `width` are percent of the cell, `way` more, less or noise."""

    left: float
    width: float
    way: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A row of the table of changes."""

    row: changes.Row
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What the page shows of a comparison; the widths of the bars are percent of the longer step."""

    name: str
    sentence: str
    noise: str
    rows: tuple[ChangeRow, ...]
    more: int
    no_spots: str
    differences: tuple[str, ...]
    width: float
    then_width: float
    segments: tuple[Segment, ...]


def page_changes(against: Against | None, amounts: Amounts, *, device: bool) -> Changes | None:
    """Return the section's values; None without a baseline."""
    if against is None:
        return None
    spots = changes.spot_rows(against)
    rows = (changes.step_row(against), *changes.category_rows(against), *spots[: amounts.hotspots])
    widest = max((abs(row.ns) for row in rows), default=0.0) or 1.0
    then = against.step.then.ns if against.step.then else 0.0
    now = against.step.now.ns if against.step.now else 0.0
    longest = max(then, now) or 1.0
    return Changes(
        name=changes.baseline_name(against),
        sentence=changes.sentence(against),
        noise=changes.noise(against),
        rows=tuple(ChangeRow(row=row, bar=_bar(row, widest)) for row in rows),
        more=max(0, len(spots) - amounts.hotspots),
        no_spots=changes.no_spots(against),
        differences=tuple(changes.differences(against)),
        width=round(now / longest * 100, 2),
        then_width=round(then / longest * 100, 2),
        segments=segments(against.then.split, device=device),
    )


def keys_beside(keys: Sequence[Key], against: Against | None, *, device: bool) -> tuple[Key, ...]:
    """Return the bar's key with the baseline's time of each entry."""
    if against is None:
        return tuple(keys)
    groups = {group.key: group for group in view.groups(against.then.split, has_device=device)}
    times = {name: _group_time(group) for name, group in groups.items()}
    return tuple(
        replace(key, then=f"baseline {times[key.key]}") if times.get(key.key) else key for key in keys
    )


def figures_beside(figures: Sequence[Figure], against: Against | None) -> tuple[Figure, ...]:
    """Return the figures with the baseline's throughput and step time."""
    speed = against.then.throughput if against else None
    if speed is None:
        return tuple(figures)
    value, unit = view.speed(speed)
    first, second, *rest = figures
    return (
        replace(first, small=f"{first.small}; baseline {units.rate(value, unit)}"),
        replace(second, small=f"{second.small}; baseline {view.step_time(speed)[0]}"),
        *rest,
    )


def _group_time(group: view.Group) -> str:
    """Return the group's time a step; "" where it can't have one."""
    if group.share is None:
        return "" if group.rows[0].state is State.NOT_APPLICABLE else units.NOT_MEASURED
    return view.row_time(group.rows[0]) if len(group.rows) == 1 else units.duration(group.ns_per_step)


def _bar(row: changes.Row, widest: float) -> Bar:
    width = round(abs(row.ns) / widest * HALF, 1)
    way = "noise" if row.noise else "more" if row.ns > 0 else "less"
    return Bar(left=HALF if row.ns > 0 else round(HALF - width, 1), width=width, way=way)
