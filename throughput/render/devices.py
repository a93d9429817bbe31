"""Draw a row a device on the terminal: how long it ran, on what, and how long others wait for its rank."""

from __future__ import annotations

from rich.text import Text

from throughput import units
from throughput.model.attribution import DeviceSplit
from throughput.model.category import Category
from throughput.model.report import Report
from throughput.render.bar import Look

NAME, COLUMN, IMPOSES = 15, 10, 11
COLUMNS = ("ran", "compute", "comm.", "copies", "host wait")
"""As many as fit; the time that a rank imposes on the others comes last."""
COPIES = (Category.HOST_TO_DEVICE, Category.OTHER_MEMORY)


def device_lines(report: Report, look: Look, width: int, number: int) -> list[Text]:
    """Return a heading and a row for each of so many devices; none where there is one device or none."""
    if len(report.devices) < 2 or number < 1:
        return []
    late = {row.rank: row.imposed_ns_per_step for row in report.ranks}
    wide = width >= NAME + COLUMN * len(COLUMNS) + IMPOSES
    imposing = wide and any(ns is not None for ns in late.values())
    columns = min(len(COLUMNS), (width - NAME) // COLUMN)
    shown = _chosen(report, number)
    more = len(report.devices) - len(shown)
    titles = [look.fit(title, COLUMN, right=True) for title in COLUMNS[:columns]]
    heading = Text(look.fit("Devices", NAME), style="bold")
    heading.append("".join(titles), style="not bold dim")
    heading.append(look.fit("imposes", IMPOSES, right=True) if imposing else "", style="not bold dim")
    lines = [heading]
    for one in shown:
        line = Text(look.fit(_name(one, report), NAME))
        line.append("".join(look.fit(cell, COLUMN, right=True) for cell in _cells(one)[:columns]))
        told = units.duration(late.get(one.rank)) if imposing else ""
        style = "bold" if one.rank in report.stragglers else ""
        lines.append(line.append(look.fit(told, IMPOSES, right=True) if told else "", style=style))
    if more:
        lines.append(Text(f" {units.plural(more, 'more device')} in the report", style="dim"))
    return lines


def _chosen(report: Report, number: int) -> list[DeviceSplit]:
    """Return the devices to show, in their order: those of stragglers first, then those that ran least."""
    ranked = sorted(report.devices, key=lambda one: (one.rank not in report.stragglers, one.busy_share))
    return sorted(ranked[:number], key=lambda one: (one.rank, one.device))


def _name(one: DeviceSplit, report: Report) -> str:
    several = len({device.rank for device in report.devices}) > 1
    return f" rank {one.rank} GPU {one.device}" if several else f" GPU {one.device}"


def _cells(one: DeviceSplit) -> list[str]:
    """Return the shares of a row: busy, then exposed by kind, then with nothing queued."""
    exposed = {share.category: share.exposed or 0.0 for share in one.categories}
    waits = sum(cause.share for cause in one.idle if cause.cause == "host_wait")
    shares = (
        one.busy_share,
        exposed.get(Category.COMPUTE, 0.0),
        exposed.get(Category.COMMUNICATION, 0.0),
        sum(exposed.get(category, 0.0) for category in COPIES),
        waits,
    )
    return [units.percent(share, 0.005) for share in shares]
