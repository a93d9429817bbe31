"""Turn a Report into report.md: what a pull request or an issue needs, never more than 8 kB."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput import units
from throughput.model.finding import Finding
from throughput.model.report import Report
from throughput.render import changes, loading, useful, view
from throughput.render.against import Against
from throughput.render.memory import memory_line
from throughput.render.regions import region_lines

MOST_BYTES = 8_000  # reads without a fold in an issue, fits a chat's message
ACTIVE = re.compile(r"([\\`*_{}\[\]<>|#~!])")
NO_TABLE = re.compile(r"[|\r\n]")
FIX_LINES = 12

Amounts = tuple[int, int, int, int]
AMOUNTS: tuple[Amounts, ...] = ((10, 5, 8, 300), (8, 4, 6, 160), (5, 3, 4, 100), (3, 2, 2, 60))
"""Hotspots, findings, notes, longest sentence of foreign text in characters: the first that fits."""
CUT = "\n… more in report.json.\n"


def report_markdown(report: Report, against: Against | None = None) -> str:
    """Return the report as Markdown of at most 8 kB, in which foreign text is only text."""
    text = ""
    for amounts in AMOUNTS:
        text = "\n".join(_lines(report, amounts, against)) + "\n"
        if len(text.encode()) <= MOST_BYTES:
            return text
    return _cut(text)


def _cut(text: str) -> str:
    """Return as many whole lines as fit."""
    kept, left = [], MOST_BYTES - len(CUT.encode())
    for line in text.splitlines(keepends=True):
        left -= len(line.encode())
        if left < 0:
            break
        kept.append(line)
    return "".join(kept) + CUT


def _lines(report: Report, amounts: Amounts, against: Against | None) -> list[str]:
    hotspots, findings, notes, longest = amounts
    device = view.has_device(report.split)
    return [
        f"# {_text(report.headline.sentence, 200)}",
        "",
        *_end(report, longest),
        *(f"- {_text(line, longest)}" for line in report.headline.evidence),
        "",
        *_figures(report, longest),
        "",
        *_split(report, longest, device=device),
        "",
        *(_changes(against, hotspots, longest) if against else ()),
        *_hotspots(report, hotspots, device=device),
        "",
        *_findings(report, findings, longest),
        "",
        *_loader(report, longest),
        *_regions(report, hotspots, device=device),
        *_modules(report, hotspots),
        *_notes(report, notes, longest),
    ]


def _end(report: Report, longest: int) -> list[str]:
    """Return how the script ended where that was not our doing."""
    lines = view.end(report)
    if not lines:
        return []
    return [f"**{_text(lines[0], longest)}**", "", *(f"- {_text(line, longest)}" for line in lines[1:]), ""]


def _figures(report: Report, longest: int) -> list[str]:
    speed = report.throughput
    lines = [f"`{_code(view.command(report.run), longest)}`", ""]
    if speed is None:
        lines.append("Throughput: not measured")
    else:
        value, unit = view.speed(speed)
        steps = f"{units.rate(speed.steps_per_s, 'steps')}, {units.rate_range(speed.low, speed.high)}"
        lines.append(f"Throughput: **{units.rate(value, unit)}** ({steps})  ")
        times = speed.step_ns
        spread = f"median {units.duration(times.median)}, 95th percentile {units.duration(times.p95)}"
        lines.append(f"Step time: **{' '.join(view.step_time(speed))}** ({spread})  ")
        lines += [f"{title}: {_text(words, longest)}  " for title, words in useful.work(speed)]
    lines.append(f"Measured: {_text(view.window(report.run.window), longest)}")
    if view.startup(report):
        lines[-1] += "  "
        lines.append(f"Start-up: {_text(view.startup(report), longest)}")
    used = memory_line(report.memory)
    if used:
        lines[-1:] = [f"{lines[-1]}  ", f"Memory: {_text(used, longest)}"]
    if report.budget is not None:
        lines += ["", _text(view.budget(report.budget), longest)]
    if report.money is not None:
        lines += ["", _text(view.money(report), longest)]
    return lines


def _split(report: Report, longest: int, *, device: bool) -> list[str]:
    rows = [
        "## Where a step's time goes",
        "",
        "| category | share of step | time a step | source |",
        "|---|--:|--:|---|",
    ]
    for row in report.split:
        share, interval = view.row_share(row)
        name = view.label(row.category, has_device=device)
        if row.share is None:
            rows.append(f"| {name} | – | – | {_text(share, longest)} |")
            continue
        state = view.state_reason(row)
        source = f"{row.source.value}{f', {_text(state, longest)}' if state else ''}"
        rows.append(f"| {name} | {share} {interval} | {view.row_time(row)} | {source} |")
    return rows


def _changes(against: Against, number: int, longest: int) -> list[str]:
    spots = changes.spot_rows(against)
    rows = [changes.step_row(against), *changes.category_rows(against)]
    lines = [
        f"## Changes since {_text(changes.baseline_name(against), 60)}",
        "",
        f"{_text(changes.sentence(against), 200)}. {changes.noise(against)}",
        "",
        "| part of a step | baseline | this run | difference | |",
        "|---|--:|--:|--:|---|",
    ]
    for row in [*rows, *spots[:number]]:
        name = f"`{_code(row.name, 80)}`" if row.place else row.name
        lines.append(f"| {name} | {row.then} | {row.now} | {row.difference} | {row.remark} |")
    notes = [changes.no_spots(against).rstrip("."), *changes.differences(against)]
    more = len(spots) - number
    notes += [f"{more} more places with smaller differences"] if more > 0 else []
    return [*lines, "", *(f"- {_text(note, longest)}" for note in notes if note), ""]


def _hotspots(report: Report, number: int, *, device: bool) -> list[str]:
    if not report.hotspots:
        return ["## Hotspots", "", "No place costs a measurable part of a step."]
    rows = [
        "## Hotspots",
        "",
        "| | function | where | category | time a step | share |",
        "|--:|---|---|---|--:|--:|",
    ]
    for rank, hotspot in enumerate(report.hotspots[:number], 1):
        at = view.place(hotspot.file, hotspot.line) if view.is_own(hotspot) else view.caller(hotspot)
        where = f"`{_code(at, 100)}`, {_text(view.where_it_runs(hotspot), 60)}"
        if hotspot.lock is not None:
            where += f", {_text(', '.join(view.lock(hotspot.lock)), 160)}"
        rows.append(
            f"| {rank} | `{_code(view.name(hotspot), 80)}` | {where} "
            f"| {view.label(hotspot.category, has_device=device)} "
            f"| {' '.join(view.hotspot_time(hotspot))} | {' '.join(view.hotspot_share(hotspot))} |"
        )
    more = len(report.hotspots) - number
    return [*rows, *(["", f"{more} more in report.json."] if more > 0 else [])]


def _regions(report: Report, number: int, *, device: bool) -> list[str]:
    lines = region_lines(report, number, device=device)
    if not lines:
        return []
    rows = ["## Regions", "", "| region | time a step | share of step | of that |", "|---|--:|--:|---|"]
    for one in lines:
        share = f"{one.share} {one.interval}"
        rows.append(f"| `{_code(one.name, 80)}` | {one.time} | {share} | {_text(one.parts, 200)} |")
    return [*rows, ""]


def _modules(report: Report, number: int) -> list[str]:
    lines = useful.module_lines(report, number)
    if not lines:
        return []
    rows = [
        "## Modules",
        "",
        "Without the modules inside each.",
        "",
        "| module | class | calls | forward | backward | share of step | FLOPs a step | of the ceiling |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for one in lines:
        figures = f"{one.calls} | {one.forward} | {one.backward} | {one.share} | {one.flops} | {one.ceiling}"
        rows.append(f"| `{_code(one.name, 80)}` | {_text(one.kind, 40)} | {figures} |")
    return [*rows, ""]


def _findings(report: Report, number: int, longest: int) -> list[str]:
    if not report.findings:
        return ["## What to try", "", _text(view.no_findings(report), longest)]
    lines = ["## What to try", ""]
    for rank, finding in enumerate(report.findings[:number], 1):
        lines += _finding(rank, finding, longest)
    more = len(report.findings) - number
    return [*lines, *([f"{more} more in report.json."] if more > 0 else [])]


def _finding(rank: int, finding: Finding, longest: int) -> list[str]:
    gain = view.gain(finding.prediction)
    at = view.finding_place(finding)
    fix = [
        view.plain(line.expandtabs(4))[:longest] for line in finding.fix.strip("\n").splitlines()[:FIX_LINES]
    ]
    fence = _fence(fix)
    return [
        f"{rank}. **{_text(finding.title, longest)}**{f', {gain}' if gain else ''}",
        *([f"   `{_code(at, 120)}`"] if at else []),
        *(f"   - {_text(view.relative(line), longest)}" for line in finding.evidence[:3]),
        "",
        f"   {fence}",
        *(f"   {line}".rstrip() for line in fix),
        f"   {fence}",
        "",
    ]


def _loader(report: Report, longest: int) -> list[str]:
    rows = loading.rows(report.loader) if report.loader is not None else ()
    lines = [f"- {title}: {_text(value, max(longest, 300))}" for title, value in rows if value]
    return ["## Data loader", "", *lines, ""] if lines else []


def _notes(report: Report, number: int, longest: int) -> list[str]:
    notes = view.notes(report)
    lines = [f"- {_text(note, longest)}" for note in notes[:number]]
    if len(notes) > number:
        lines.append(f"- {len(notes) - number} more in report.json.")
    run = report.run
    made = f"throughput {_text(run.tool_version, 20)}, {_text(units.date_time(run.started_at), 40)}"
    return [*(["## Notes", ""] if lines else []), *lines, *([""] if lines else []), f"Made by {made}."]


def _text(text: str, longest: int) -> str:
    """Return foreign text that Markdown shows as it is written."""
    return ACTIVE.sub(r"\\\1", view.plain(text, longest)).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _code(text: str, longest: int) -> str:
    """Return foreign text for a code span inside a table."""
    return NO_TABLE.sub("¦", view.plain(text, longest).replace("`", "'")) or " "


def _fence(lines: Sequence[str]) -> str:
    """Return a fence that no line can close."""
    runs = [len(run) for line in lines for run in re.findall(r"`+", line)]
    return "`" * max(3, 1 + max(runs, default=0))
