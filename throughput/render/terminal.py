"""Turn a Report into what fits one screen of a terminal: verdict, speed, split, hotspots, fixes, files."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import PurePath

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from throughput import units
from throughput.model.attribution import Hotspot
from throughput.model.category import State
from throughput.model.finding import Finding
from throughput.model.report import Report
from throughput.render import changes, useful, view
from throughput.render.against import Against
from throughput.render.bar import COLOURS, Look, split_bar
from throughput.render.devices import device_lines
from throughput.render.view import plain

ROWS = 40  # a screen of a laptop's terminal
WIDEST = 110  # longer lines are harder to read than wrapped ones
NARROWEST = 40  # narrower terminals wrap what is printed for this width
SENTENCE_ROWS = 2
EVIDENCE_ROWS = 5
FILE_ROWS = 2

Amounts = tuple[int, int, int, int, int]
AMOUNTS: tuple[Amounts, ...] = (
    (5, 3, 3, 8, 16),
    (5, 3, 3, 8, 8),
    (5, 3, 1, 8, 8),
    (4, 3, 1, 6, 8),
    (4, 2, 1, 6, 6),
    (3, 2, 1, 5, 4),
    (2, 1, 1, 4, 4),
    (2, 1, 1, 2, 2),
    (1, 1, 1, 1, 0),
)
"""Hotspots, findings, notes, differences from a baseline and devices to show: the first that fits."""
TABLE = 70  # narrower terminals show a difference without both times


def print_report(
    report: Report, console: Console, *, files: Sequence[str] = (), against: Against | None = None
) -> None:
    """Print the report on one screen; `files` are the paths of what was written, best first."""
    look = Look.of(console)
    width = max(NARROWEST, min(console.width, WIDEST))
    for line in report_lines(report, look, width, against):
        console.print(line, no_wrap=True, overflow="crop", highlight=False)
    for path in _file_lines(files, look, width):
        # A path is there to be copied: fold it rather than cut it.
        console.print(path, overflow="fold", highlight=False)


def report_lines(report: Report, look: Look, width: int, against: Against | None = None) -> list[Text]:
    """Return the report's rows, without its files; at most ROWS with them."""
    lines: list[Text] = []
    for amounts in AMOUNTS:
        lines = _lines(report, look, width, amounts, against)
        if len(lines) <= ROWS - FILE_ROWS:
            break
    return lines


def _lines(report: Report, look: Look, width: int, amounts: Amounts, against: Against | None) -> list[Text]:
    hotspots, findings, notes, changed, devices = amounts
    blocks = [
        [_title(report, look, width)],
        _verdict(report, look, width),
        _figures(report, look, width),
        _split(report, look, width, against),
        _changes(against, look, width, changed) if against else [],
        device_lines(report, look, width, devices),
        _hotspots(report, look, width, hotspots),
        _findings(report, look, width, findings),
        _notes(report, look, width, notes),
    ]
    lines: list[Text] = []
    for block in blocks:
        if block:
            lines += [*([Text("")] if lines else []), *block]
    return lines


def _title(report: Report, look: Look, width: int) -> Text:
    run = report.run
    command = view.command(run)
    parts = [f"throughput {plain(run.tool_version, 20)}", command, units.date_time(plain(run.started_at, 40))]
    return Text(look.crop(" · ".join(part for part in parts if part), width), style="dim")


def _verdict(report: Report, look: Look, width: int) -> list[Text]:
    sentence = _wrapped(plain(report.headline.sentence), look, width, SENTENCE_ROWS)
    evidence: list[str] = []
    for line in report.headline.evidence[:3]:
        evidence += _wrapped(plain(line), look, width, 2)
    return [
        *_end(report, look, width),
        *(Text(line, style="bold") for line in sentence),
        *(Text(line) for line in evidence[:EVIDENCE_ROWS]),
    ]


def _end(report: Report, look: Look, width: int) -> list[Text]:
    """Return how the script ended where that was not our doing, and what shows it in one row."""
    lines = view.end(report)
    if not lines:
        return []
    sentence = [Text(line, style="bold") for line in _wrapped(lines[0], look, width, SENTENCE_ROWS)]
    shown = "; ".join(lines[1:])
    return [*sentence, *([Text(look.crop(shown, width), style="dim")] if shown else [])]


def _figures(report: Report, look: Look, width: int) -> list[Text]:
    rows = [("Throughput", units.NOT_MEASURED)]
    speed = report.throughput
    if speed is not None:
        steps = f"{units.rate(speed.steps_per_s, 'steps')} ({units.rate_range(speed.low, speed.high)})"
        both = "" if speed.samples_per_s is None else f"{units.rate(speed.samples_per_s, 'samples')} · "
        times = speed.step_ns
        mean = f"{' '.join(view.step_time(speed))} mean"
        rest = f"{units.duration(times.median)} median · {units.duration(times.p95)} 95th percentile"
        rows = [("Throughput", f"{both}{steps}"), ("Step time", f"{mean} · {rest}")]
        rows += useful.work(speed)
    rows.append(("Measured", view.window(report.run.window)))
    if report.ledger is not None and report.startup_s is not None:
        rows.append(("Start-up", view.startup(report)))
    if report.budget is not None:
        rows.append(("Budget", view.budget(report.budget)))
    if report.money is not None:
        rows.append(("Money", view.money(report)))
    return [_row(title, text, look, width) for title, text in rows]


def _split(report: Report, look: Look, width: int, against: Against | None) -> list[Text]:
    device = view.has_device(report.split)
    groups = view.groups(report.split, has_device=device)
    shown = [group for group in groups if group.share is not None]
    if not shown:
        return [_row("Split", units.NOT_MEASURED, look, width)]
    bars = _bars(against, look, width) if against else [_bar(report, look, width)]
    entries = [_key(group, look) for group in groups]
    return [*bars, *_columns(entries, width), *_others(groups, look, width, device=device)]


def _bar(report: Report, look: Look, width: int, scale: float = 1.0) -> Text:
    groups = view.groups(report.split, has_device=view.has_device(report.split))
    return split_bar([(group.key, (group.share or 0.0) * scale) for group in groups], width, look)


def _bars(against: Against, look: Look, width: int) -> list[Text]:
    """Return this run's bar and the baseline's, on one scale in ms."""
    now = against.step.now.ns if against.step.now else 0.0
    then = against.step.then.ns if against.step.then else 0.0
    longest = max(now, then) or 1.0
    both = (("This run", against.now, now), ("Baseline", against.then, then))
    return [
        Text(f"{title:<11}", style="bold").append_text(_bar(report, look, width - 11, ns / longest))
        for title, report, ns in both
    ]


def _changes(against: Against, look: Look, width: int, number: int) -> list[Text]:
    """Return what differs by more than noise, largest first, and what else is not the same."""
    rows = [*changes.category_rows(against), *changes.spot_rows(against)]
    moved = sorted((row for row in rows if row.ns and not row.noise), key=lambda row: -abs(row.ns))
    shown = [row for row in rows if row in moved[:number]]  # categories first
    heading = f"{changes.sentence(against)}. Baseline: {changes.baseline_name(against)}"
    lines = [Text(line, style="bold") for line in _wrapped(heading, look, width, min(number, SENTENCE_ROWS))]
    lines += [_change(row, look, width) for row in shown]
    rest = [f"{len(moved) - len(shown)} more with --format html"] if len(moved) > len(shown) else []
    rest += [f"{sum(row.noise for row in rows)} parts within the noise of the steps"]
    other = [changes.no_spots(against).rstrip("."), *changes.differences(against)]
    text = "; ".join(part for part in (", ".join(rest), *other) if part)
    return [*lines, Text("   " + look.crop(text, width - 3), style="dim")]


def _change(row: changes.Row, look: Look, width: int) -> Text:
    """Return a row: name, baseline, this run, difference, remark."""
    times = f"{row.then} → {row.now}" if width >= TABLE else ""
    left = width - 3 - 12 - 14 - (26 if times else 0)
    line = Text(f" {look.mark(row.key)} " if row.key else "   ")
    if look.colour and row.key:
        line.stylize(COLOURS[row.key])
    line.append(look.fit(row.name, left), style="" if row.place else "bold")
    line.append(look.fit(times, 26 if times else 0, right=True))
    line.append(look.fit(row.difference, 12, right=True), style="bold")
    return line.append(f"  {row.remark}" if row.remark else "", style="dim")


def _key(group: view.Group, look: Look) -> Text:
    mark = Text().append(f"{look.mark(group.key)} ", style=COLOURS[group.key] if look.colour else "")
    if group.share is None:
        state = "not applicable" if group.rows[0].state is State.NOT_APPLICABLE else units.NOT_MEASURED
        return mark.append(look.fold(f"{group.label}: {state}"), style="dim")
    single = len(group.rows) == 1
    share, interval = view.row_share(group.rows[0]) if single else (units.percent(group.share), "")
    time = view.row_time(group.rows[0]) if single else units.duration(group.ns_per_step)
    figures = f"{share} {interval}".strip()
    return mark.append(look.fold(f"{group.label} ")).append(look.fold(f"{figures} · {time}"), style="bold")


def _others(groups: Sequence[view.Group], look: Look, width: int, *, device: bool) -> list[Text]:
    rows = [
        row for group in groups if group.key == "other" for row in group.rows if (row.share or 0.0) >= 0.005
    ]
    if not rows:
        return []
    text = ", ".join(
        f"{view.label(row.category, has_device=device, short=True)} {view.row_share(row)[0]}" for row in rows
    )
    return [Text(look.crop(f"  Other is: {text}", width), style="dim")]


def _columns(entries: Sequence[Text], width: int) -> list[Text]:
    """Return the entries side by side, in columns as wide as the widest."""
    widest = max(entry.cell_len for entry in entries) + 3
    number = max(1, (width + 3) // widest)
    rows = []
    for start in range(0, len(entries), number):
        row = Text()
        for entry in entries[start : start + number]:
            row.append_text(entry)
            row.append(" " * (widest - entry.cell_len))
        row.rstrip()
        rows.append(row)
    return rows


def _hotspots(report: Report, look: Look, width: int, number: int) -> list[Text]:
    if not report.hotspots:
        return [_row("Hotspots", "none: no place costs a measurable part of a step", look, width)]
    shown = report.hotspots[:number]
    more = len(report.hotspots) - len(shown)
    heading = Text("Hotspots", style="bold")
    heading.append(
        f", time a step waits for each{f' ({more} more in the report)' if more else ''}", style="not bold dim"
    )
    device = view.has_device(report.split)
    lines = [heading]
    for rank, hotspot in enumerate(shown, 1):
        lines += [
            _hotspot_figures(rank, hotspot, look, width, device=device),
            _hotspot_place(hotspot, look, width),
        ]
    return lines


def _hotspot_figures(rank: int, hotspot: Hotspot, look: Look, width: int, *, device: bool) -> Text:
    time, time_interval = view.hotspot_time(hotspot)
    share, interval = view.hotspot_share(hotspot)
    category = view.label(hotspot.category, has_device=device, short=True)
    left = width - 3 - 22 - 14 - 15
    line = Text(f"{rank:>2} ")
    line.append(look.fit(view.name(hotspot), left), style="bold")
    line.append(look.fit(f"{time} {time_interval}", 22, right=True))
    line.append(look.fit(f"{share} {interval}", 14, right=True))
    mark = look.mark(view.colour(hotspot.category))
    line.append(f" {mark} ", style=COLOURS[view.colour(hotspot.category)] if look.colour else "")
    return line.append(look.crop(category, 12))


def _hotspot_place(hotspot: Hotspot, look: Look, width: int) -> Text:
    lock = ", ".join(view.lock(hotspot.lock)) if hotspot.lock is not None else ""
    parts = [part for part in (lock, *view.spot_places(hotspot)) if part]
    return Text("   " + look.crop(" · ".join(parts), width - 3), style="dim")


def _findings(report: Report, look: Look, width: int, number: int) -> list[Text]:
    if not report.findings:
        return [_row("Try", view.no_findings(report), look, width)]
    shown = report.findings[:number]
    more = len(report.findings) - len(shown)
    heading = Text("Try", style="bold")
    heading.append(f" ({more} more in the report)" if more else "", style="not bold dim")
    lines = [heading]
    for rank, finding in enumerate(shown, 1):
        lines += [_finding_title(rank, finding, look, width), _finding_fix(finding, look, width)]
    return lines


def _finding_title(rank: int, finding: Finding, look: Look, width: int) -> Text:
    gain = look.fold(view.gain(finding.prediction))
    at = f"  {view.place(finding.where.file, finding.where.line)}" if finding.where is not None else ""
    left = width - 3 - (cell_len(gain) + 2 if gain else 0)
    title = look.crop(plain(finding.title), left)
    line = Text(f"{rank:>2} ").append(title, style="bold")
    line.append(
        look.fit(at, left - cell_len(title)) if gain else look.crop(at, left - cell_len(title)), style="dim"
    )
    return line.append(f"  {gain}" if gain else "", style="green" if look.colour else "")


def _finding_fix(finding: Finding, look: Look, width: int) -> Text:
    text = " ".join(plain(finding.fix).split())
    return Text("   " + look.crop(text, width - 3))


def _notes(report: Report, look: Look, width: int, number: int) -> list[Text]:
    notes = view.notes(report)
    if not notes:
        return []
    shown = notes[:number]
    lines = [_row("Note", note, look, width) for note in shown]
    more = len(notes) - len(shown)
    if more:
        lines[-1] = _row("Note", f"({more} more in the report) {shown[-1]}", look, width)
    return lines


def _file_lines(files: Sequence[str], look: Look, width: int) -> list[Text]:
    """Return the first path whole, and the names of those beside it."""
    if not files:
        return []
    folder = PurePath(files[0]).parent
    beside = [_beside(PurePath(path), folder) for path in files[1:]]
    first = Text.assemble((f"{'Report':<11}", "bold"), look.fold(plain(files[0])))
    if not beside:
        return [first]
    return [first, _row("Beside it", ", ".join(plain(name) for name in beside), look, width)]


def _beside(path: PurePath, folder: PurePath) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _row(title: str, text: str, look: Look, width: int) -> Text:
    return Text.assemble((f"{title:<11}", "bold"), look.crop(plain(text), width - 11))


def _wrapped(text: str, look: Look, width: int, most: int) -> list[str]:
    folded = look.fold(text)
    rows = textwrap.wrap(folded, width, break_on_hyphens=False) if cell_len(folded) > width else [folded]
    if len(rows) > most:
        rows = [*rows[: most - 1], look.crop(" ".join(rows[most - 1 :]), width)]
    return [look.crop(row, width) for row in rows]
