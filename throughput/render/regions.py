"""Say in words what the script's own ranges take of a step, and of what."""

from __future__ import annotations

from dataclasses import dataclass

from throughput import units
from throughput.model.report import Report
from throughput.model.work import RegionRow
from throughput.render import labels
from throughput.render.labels import plain

PARTS_SHOWN, PART_MIN = 3, 0.01
"""Categories of a region that are named, and from which part of it on."""
NAME_LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionLine:
    """A region as tables show it."""

    name: str
    time: str
    share: str
    interval: str
    parts: str


def region_lines(report: Report, most: int, *, device: bool) -> tuple[RegionLine, ...]:
    """Return the regions, the costliest first; none where the script has no ranges of its own."""
    return tuple(_line(row, device=device) for row in (report.regions or ())[:most])


def _line(row: RegionRow, *, device: bool) -> RegionLine:
    largest = sorted(row.parts, key=lambda part: -part.ns_per_step)[:PARTS_SHOWN]
    shown = [part for part in largest if row.ns_per_step and part.ns_per_step >= PART_MIN * row.ns_per_step]
    named = [(labels.label(part.category, has_device=device), part.ns_per_step) for part in shown]
    parts = ", ".join(f"{name} {units.percent(ns / row.ns_per_step)}" for name, ns in named)
    return RegionLine(
        name=plain(row.name, NAME_LONGEST) or "outside of all regions",
        time=units.duration(row.ns_per_step),
        share=units.percent(row.share, (row.high - row.low) / 2),
        interval=units.plus_minus(row.low, row.high),
        parts=parts,
    )
