"""Turn a Report into the values that the page's first sections show: figures, split, hotspots, fixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from throughput import units
from throughput.model.attribution import Hotspot, SourceLine, SplitRow
from throughput.model.category import Category, Source, State
from throughput.model.finding import Finding
from throughput.model.report import Report
from throughput.render import view

SOURCE_COLUMNS = 160  # characters of a line of source; the rest is cut
SOURCE_LINES = 13  # six on each side of a hotspot
HOTTEST = 60  # percent of colour in the hottest line: text on it stays readable
FIX_LINES = 30
EVIDENCE_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """How much of a report to show; `text` is the longest sentence of foreign text, in characters."""

    hotspots: int
    sources: int
    findings: int
    charts: int
    notes: int
    text: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the four figures under the verdict."""

    title: str
    value: str
    small: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of the split bar; `width` is percent of the bar."""

    key: str
    label: str
    share: str
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An entry of the bar's key."""

    key: str
    label: str
    value: str
    interval: str
    time: str
    more: str
    then: str = ""
    """The baseline's time, where there is a baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """A row of the table of all categories."""

    key: str
    label: str
    share: str
    interval: str
    time: str
    source: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLine:
    """A line of source with its heat: `percent` colours it."""

    number: int
    text: str
    heat: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A hotspot as the page shows it; `bar`, `low` and `span` are percent of the widest bar."""

    number: int
    name: str
    function: str
    file: str
    line: int
    """As the flame graph has them, to find it there."""
    at: str
    key: str
    category: str
    time: str
    time_interval: str
    share: str
    interval: str
    bar: float
    low: float
    span: float
    few: bool
    facts: tuple[tuple[str, str], ...]
    source_of: str
    source: tuple[CodeLine, ...]
    tries: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A finding as the page shows it."""

    number: int
    title: str
    key: str
    category: str
    at: str
    gain: str
    assumes: str
    saves: str
    evidence: tuple[str, ...]
    fix: str
    rule: str


def figures(report: Report, *, device: bool) -> tuple[Figure, ...]:
    """Return throughput, step time, what computes, and what was measured."""
    speed = report.throughput
    if speed is None:
        first = [
            Figure(title=title, value=units.NOT_MEASURED, small="") for title in ("Throughput", "Step time")
        ]
    else:
        value, unit = view.speed(speed)
        steps = f"{units.rate(speed.steps_per_s, 'steps')}, 95{units.NBSP}% interval "
        both = steps + units.rate_range(speed.low, speed.high)
        mean, interval = view.step_time(speed)
        times = speed.step_ns
        spread = f"median {units.duration(times.median)}, 95th percentile {units.duration(times.p95)}"
        first = [
            Figure(title="Throughput", value=units.rate(value, unit), small=both),
            Figure(title="Step time", value=mean, small=f"{interval}, {spread}"),
        ]
    window = report.run.window
    kept = units.plural(window.kept, "step")
    measured = Figure(title="Measured", value=kept, small=view.window(window))
    return (*first, _computing(report.split, device=device), measured)


def _computing(split: Sequence[SplitRow], *, device: bool) -> Figure:
    """Return the device's busy share where its intervals were measured, else what computing took."""
    row = next((row for row in split if row.category is Category.COMPUTE), None)
    if row is None or row.share is None:
        reason = "" if row is None else view.plain(row.reason or "", 200)
        title = "GPU compute" if device else "CPU compute"
        return Figure(title=title, value=units.NOT_MEASURED, small=reason)
    share, interval = view.row_share(row)
    if device and row.source is Source.DEVICE:
        return Figure(title="GPU busy", value=share, small=f"{interval} of step, from kernel times")
    small = f"{interval} of step"
    return Figure(
        title=view.label(row.category, has_device=device),
        value=share,
        small=small if device else f"{small}; this run used no GPU",
    )


def segments(split: Sequence[SplitRow], *, device: bool) -> tuple[Segment, ...]:
    """Return the parts of the bar: the four categories, then each other one in grey."""
    rows = [row for group in view.groups(split, has_device=device) for row in group.rows if row.share]
    whole = max(1.0, sum(row.share or 0.0 for row in rows))
    return tuple(
        Segment(
            key=view.colour(row.category),
            label=view.label(row.category, has_device=device, short=view.colour(row.category) == "other"),
            share=view.row_share(row)[0],
            width=round((row.share or 0.0) / whole * 100, 2),
        )
        for row in rows
    )


def keys(split: Sequence[SplitRow], *, device: bool) -> tuple[Key, ...]:
    """Return the key of the bar, one entry a group."""
    found = []
    for group in view.groups(split, has_device=device):
        first = group.rows[0]
        single = len(group.rows) == 1
        if group.share is None:
            figures_ = (view.state_reason(first), "", "")
        elif single:
            figures_ = (*view.row_share(first), view.row_time(first))
        else:
            figures_ = (units.percent(group.share), "", units.duration(group.ns_per_step))
        more = "" if single else _members(group.rows, device=device)
        if single and group.share is not None:
            more = view.state_reason(first)
        value, interval, time = figures_
        found.append(
            Key(key=group.key, label=group.label, value=value, interval=interval, time=time, more=more)
        )
    return tuple(found)


def _members(rows: Sequence[SplitRow], *, device: bool) -> str:
    names = [
        f"{view.label(row.category, has_device=device, short=True)} {view.row_share(row)[0]}"
        for row in rows
        if (row.share or 0.0) >= 0.005  # under half a percent it changes no decision
    ]
    return ", ".join(names)


def categories(split: Sequence[SplitRow], *, device: bool) -> tuple[CategoryRow, ...]:
    """Return every category with its figures, source and state."""
    return tuple(
        CategoryRow(
            key=view.colour(row.category),
            label=view.label(row.category, has_device=device),
            share="–" if row.share is None else view.row_share(row)[0],
            interval=view.row_share(row)[1],
            time="–" if row.ns_per_step is None else view.row_time(row),
            source="–" if row.source is Source.NONE else row.source.value,
            state=view.state_reason(row) or State.MEASURED.value,
        )
        for row in split
    )


def spots(report: Report, amounts: Amounts, *, device: bool) -> tuple[Spot, ...]:
    """Return the hotspots to show; their bars are to one scale."""
    shown = report.hotspots[: amounts.hotspots]
    widest = max((max(spot.high, spot.share) for spot in shown), default=0.0) or 1.0
    return tuple(_spot(number, report, widest, amounts, device=device) for number in range(1, len(shown) + 1))


def _spot(number: int, report: Report, widest: float, amounts: Amounts, *, device: bool) -> Spot:
    hotspot = report.hotspots[number - 1]
    time, time_interval = view.hotspot_time(hotspot)
    share, interval = view.hotspot_share(hotspot)
    return Spot(
        number=number,
        name=view.name(hotspot),
        function=view.plain(hotspot.function, 300),
        file=view.place(hotspot.file, 0) if hotspot.file else "",
        line=hotspot.line,
        at=", ".join(view.spot_places(hotspot)[:2]),
        key=view.colour(hotspot.category),
        category=view.label(hotspot.category, has_device=device),
        time=time,
        time_interval=time_interval,
        share=share,
        interval=interval,
        bar=_percent(hotspot.share / widest),
        low=_percent(hotspot.low / widest),
        span=_percent((hotspot.high - hotspot.low) / widest),
        few=time_interval == "few samples",
        facts=_spot_facts(hotspot),
        source_of=_source_file(hotspot),
        source=_source(hotspot) if number <= amounts.sources else (),
        tries=tuple(
            (n, view.plain(finding.title, 120))
            for n, finding in enumerate(report.findings[: amounts.findings], 1)
            if _same_place(finding, hotspot)
        ),
    )


def _percent(ratio: float) -> float:
    return round(min(1.0, max(0.0, ratio)) * 100, 1)


def _spot_facts(hotspot: Hotspot) -> tuple[tuple[str, str], ...]:
    """Return what is known of a hotspot beside its time, as titles and values."""
    function = view.plain(hotspot.function, 100)
    defined = f"{function} {view.place(hotspot.file, hotspot.line)}"
    found = [
        ("Called by", view.caller(hotspot)),
        ("At" if view.is_own(hotspot) else "Defined at", defined),
        ("Runs", view.where_it_runs(hotspot)),
    ]
    if hotspot.calls_per_step is not None:
        found.append(("Calls a step", units.count(hotspot.calls_per_step)))
    if hotspot.lock is not None:
        lock, *places = view.lock(hotspot.lock)
        found.append(("Lock", lock))
        found += [(place.split(" at ")[0].capitalize(), place.split(" at ", 1)[1]) for place in places]
    if len(hotspot.ranks) > 1:
        found.append(("Ranks", ", ".join(map(str, hotspot.ranks[:16]))))
    return tuple((title, value) for title, value in found if value)


def _source_file(hotspot: Hotspot) -> str:
    """Return whose source it is: the caller's where its line is among the lines, else the hotspot's own."""
    numbers = {line.line for line in hotspot.source}
    own = view.is_own(hotspot) and hotspot.line in numbers
    if hotspot.caller is not None and hotspot.caller.line in numbers and not own:
        return view.place(hotspot.caller.file, 0)
    return view.place(hotspot.file, 0)


def _source(hotspot: Hotspot) -> tuple[CodeLine, ...]:
    hottest = max((line.share or 0.0 for line in hotspot.source), default=0.0) or 1.0
    return tuple(_code_line(line, hottest) for line in hotspot.source[:SOURCE_LINES])


def _code_line(line: SourceLine, hottest: float) -> CodeLine:
    text = view.plain(line.text.rstrip("\r\n").expandtabs(4))
    return CodeLine(
        number=line.line,
        text=text if len(text) <= SOURCE_COLUMNS else f"{text[: SOURCE_COLUMNS - 1]}…",
        heat=units.percent(line.share, 0.01) if line.share else "",
        percent=round((line.share or 0.0) / hottest * HOTTEST),
    )


def _same_place(finding: Finding, hotspot: Hotspot) -> bool:
    if finding.where is None:
        return False
    places = [(hotspot.file, hotspot.line)]
    if hotspot.caller is not None:
        places.append((hotspot.caller.file, hotspot.caller.line))
    return (finding.where.file, finding.where.line) in places


def tries(report: Report, amounts: Amounts, *, device: bool) -> tuple[Try, ...]:
    """Return the findings to show."""
    return tuple(
        Try(
            number=number,
            title=view.plain(finding.title, amounts.text) or view.plain(finding.rule, 80),
            key=view.colour(finding.category),
            category=view.label(finding.category, has_device=device),
            at=view.finding_place(finding),
            gain=view.gain(finding.prediction),
            assumes=view.terms(finding.prediction, amounts.text, has_device=device),
            saves=units.duration(finding.saves_ns_per_step) if finding.saves_ns_per_step else "",
            evidence=tuple(view.relative(line, amounts.text) for line in finding.evidence[:EVIDENCE_LINES]),
            fix=_fix(finding.fix, amounts.text),
            rule=view.plain(finding.rule, 80),
        )
        for number, finding in enumerate(report.findings[: amounts.findings], 1)
    )


def _fix(text: str, longest: int) -> str:
    """Return a fix with its line breaks and indentation; the page wraps long lines."""
    lines = [view.plain(line.expandtabs(4)) for line in text.strip("\n").splitlines()]
    shown = "\n".join(lines[:FIX_LINES])
    return shown if len(shown) <= 4 * longest else f"{shown[: 4 * longest]}…"
