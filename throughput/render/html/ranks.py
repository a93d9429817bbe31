"""Turn ranks and devices into a table, a row a device: what each did, why it idled, who waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from throughput import units
from throughput.model.attribution import DeviceSplit, IdleCause
from throughput.model.category import Category
from throughput.model.finding import Facts
from throughput.model.report import RankRow, Report
from throughput.render import view

ROWS = 64
"""Eight machines of eight devices; more are in report.json."""
DENSE_FROM = 17
"""Rows that still stand apart; the table of more is set closer, to be seen at once."""
NAMED = 4  # stragglers in the sentence
NAME_LENGTH = 40
SHORT = 24  # characters of a cell that stays in one line
COLOURS = ("data", "h2d", "gpu", "lock", "other", "rest")
EXCHANGED = (Category.COMMUNICATION, Category.OTHER_MEMORY)
"""Dark grey in a bar; the other categories without a colour are pale, so that waiting for others is seen."""

Shares = tuple[tuple[Category, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell's text; `more` is said beside it in grey."""

    text: str
    more: str = ""

    @property
    def wraps(self) -> bool:
        """Whether it may stand in several lines: figures may not."""
        return len(self.text) + len(self.more) > SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One device, or a rank without any: `bar` is its step to scale, as the colours of a background."""

    cells: tuple[Cell, ...]
    bar: str
    width: float
    """Of the bar: percent of the longest step."""
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTable:
    """The table and what it shows in a sentence; `heads` are the titles of the cells."""

    title: str
    sentence: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    is_dense: bool
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    """A rank and one of its devices; either may be missing."""

    rank: RankRow | None
    device: DeviceSplit | None
    is_first: bool
    """Whether it is the first row of its rank: what belongs to the rank stands there alone."""

    @property
    def shares(self) -> Shares:
        """What each category took of a step, 0..1: of the device where it is known, else of the rank."""
        if self.device is not None:
            pairs: Iterable[tuple[Category, float | None]] = (
                (share.category, share.exposed) for share in self.device.categories
            )
        else:
            pairs = ((row.category, row.share) for row in (self.rank.split if self.rank else ()))
        return tuple((category, share) for category, share in pairs if share)

    @property
    def step_ns(self) -> float:
        """Mean step time; 0 where it is not known."""
        speed = self.rank.throughput if self.rank else None
        return speed.step_ns.mean if speed else 0.0


def rank_table(report: Report, facts: Sequence[Facts], *, device: bool) -> RankTable | None:
    """Return the table; None for one rank of which no device is known by itself."""
    found = _ones(report)
    if len(report.ranks) < 2 and not report.devices:
        return None
    shown = found[:ROWS]
    longest = max((one.step_ns for one in shown), default=0.0)
    columns = _columns(shown, several=len(report.ranks) > 1, device=device)
    titles = tuple(title for title, cells in columns.items() if _says(cells))
    ranks, devices = len(report.ranks) > 1, bool(report.devices)
    return RankTable(
        title="Ranks and GPUs" if ranks and devices else "Ranks" if ranks else "GPUs",
        sentence=_sentence(report, facts, device=device),
        heads=titles,
        rows=tuple(
            Row(
                cells=tuple(columns[title][place] for title in titles),
                bar=_bar(one.shares),
                width=round(one.step_ns / longest * 100, 1) if longest else 100.0,
                is_late=one.rank is not None and one.rank.rank in report.stragglers,
            )
            for place, one in enumerate(shown)
        ),
        is_dense=len(shown) >= DENSE_FROM,
        more=len(found) - len(shown),
    )


def _ones(report: Report) -> tuple[_One, ...]:
    """Return every device of every rank, and the ranks without any."""
    ranks = {row.rank: row for row in report.ranks}
    numbers = dict.fromkeys([*ranks, *(device.rank for device in report.devices)])
    found = []
    for number in numbers:
        mine: list[DeviceSplit | None] = [one for one in report.devices if one.rank == number]
        found += [
            _One(rank=ranks.get(number), device=device, is_first=place == 0)
            for place, device in enumerate(mine or [None])
        ]
    return tuple(found)


def _columns(shown: Sequence[_One], *, several: bool, device: bool) -> Mapping[str, tuple[Cell, ...]]:
    """Return the cells of each column by its title."""
    made: dict[str, Sequence[str | Cell]] = {
        "Rank": [_rank(one) for one in shown],
        "Host": _where_they_differ([view.plain(one.rank.host, 40) if one.rank else "" for one in shown]),
        "GPU": ["" if one.device is None else str(one.device.device) for one in shown],
        "Model": _where_they_differ(
            [view.plain((one.device.name if one.device else None) or "", 40) for one in shown]
        ),
        "Step": [_step(one) for one in shown],
        "GPU busy": ["" if one.device is None else units.percent(one.device.busy_share) for one in shown],
        "Most of a step": [_largest(one.shares, device=device) for one in shown],
        "Nothing queued": [_idle(one.device, "host_wait") for one in shown],
        "Meanwhile the host was in": [_starver(one.device) for one in shown],
        "Between kernels": [_idle(one.device, "kernel_wait") for one in shown],
        "Others wait for it": [_imposed(one) for one in shown] if several else [],
    }
    return {
        title: tuple(cell if isinstance(cell, Cell) else Cell(text=cell) for cell in cells)
        for title, cells in made.items()
    }


def _says(cells: Sequence[Cell]) -> bool:
    return any(cell.text for cell in cells)


def _where_they_differ(texts: list[str]) -> list[str]:
    return texts if len(set(texts)) > 1 else []


def _rank(one: _One) -> str:
    number = one.rank.rank if one.rank else one.device.rank if one.device else 0
    return str(number) if one.is_first else ""


def _step(one: _One) -> str:
    speed = one.rank.throughput if one.rank else None
    if not one.is_first:
        return ""
    return units.NOT_MEASURED if speed is None else view.step_time(speed)[0]


def _largest(shares: Shares, *, device: bool) -> Cell:
    if not shares:
        return Cell(text=units.NOT_MEASURED)
    category, share = max(shares, key=lambda pair: pair[1])
    return Cell(text=view.label(category, has_device=device, short=True), more=units.percent(share))


def _cause(device: DeviceSplit | None, cause: str) -> IdleCause | None:
    return next((one for one in device.idle if one.cause == cause), None) if device else None


def _idle(device: DeviceSplit | None, cause: str) -> str:
    found = _cause(device, cause)
    return "" if found is None else units.percent(found.share)


def _starver(device: DeviceSplit | None) -> Cell:
    """Return what the host mostly did while the device had been given nothing."""
    found = _cause(device, "host_wait")
    if found is None or not found.starvers:
        return Cell(text="")
    first = found.starvers[0]
    at = view.place(first.where.file, first.where.line) if first.where else ""
    return Cell(text=view.plain(first.name, NAME_LENGTH), more=at)


def _imposed(one: _One) -> str:
    if one.rank is None or not one.is_first:
        return ""
    return units.duration(one.rank.imposed_ns_per_step)


def _bar(shares: Shares) -> str:
    """Return the background that draws the shares beside each other, the rest as ground."""
    stops, at = [], 0.0
    for key in COLOURS:
        part = sum(share for category, share in shares if _key(category) == key)
        if part <= 0:
            continue
        end = min(1.0, at + part)
        stops.append(f"var(--{key}) {at * 100:.1f}% {end * 100:.1f}%")
        at = end
    stops.append(f"var(--dim) {at * 100:.1f}%")
    return f"linear-gradient(90deg,{','.join(stops)})"


def _key(category: Category) -> str:
    key = view.colour(category)
    return "rest" if key == "other" and category not in EXCHANGED else key


def _sentence(report: Report, facts: Sequence[Facts], *, device: bool) -> str:
    """Return for which ranks the others wait, how long, and what makes them late."""
    if all(row.imposed_ns_per_step is None for row in report.ranks):
        return ""
    if not report.stragglers:
        return "No rank holds up the others noticeably."
    said = {one.timeline.rank: one.timeline.facts.get("ranks") or {} for one in facts}
    parts = [_late(rank, report, said.get(rank, {}), device=device) for rank in report.stragglers[:NAMED]]
    more = len(report.stragglers) - len(parts)
    return f"The others wait for {'; and for '.join(parts)}{f'; and for {more} more' if more else ''}."


def _late(rank: int, report: Report, said: Mapping[str, Any], *, device: bool) -> str:
    row = next((row for row in report.ranks if row.rank == rank), None)
    ns = None if row is None else row.imposed_ns_per_step
    text = f"rank {rank}, {units.duration(ns)} a step"
    names = {category.value: category for category in Category}
    category = names.get(str(said.get("late_in")))
    if category is None:
        return text
    name, longer = view.label(category, has_device=device), units.duration(said.get("excess_ns"))
    return f"{text} ({name} takes {longer} longer there than on the median of the others)"
