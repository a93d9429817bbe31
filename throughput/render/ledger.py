"""Say in words where a whole run's wall time went: the line of the start-up, and a row a part."""

from __future__ import annotations

from dataclasses import dataclass

from throughput import units
from throughput.model.ledger import ONCE, PARTS, LedgerRow, part_count, part_seconds
from throughput.model.report import Report
from throughput.render.labels import plain

LABELS = {
    "interpreter": "Python's start",
    "imports": "imports",
    "data_set": "data set",
    "model": "model",
    "to_device": "to the device",
    "workers": "workers",
    "first_batch": "first batch",
    "compile": "compile",
    "warmup": "warm-up steps",
    "steps": "steps",
    "evaluation": "evaluation",
    "checkpoint": "checkpoints",
    "epoch_boundary": "epoch ends",
    "profiling": "profiling itself",
    "shutdown": "shutdown",
    "rest": "everything else",
}
COUNTED = ("workers", "warmup", "steps", "evaluation", "checkpoint", "epoch_boundary")
"""Parts of which it says something how often they came."""
WORTH_NAMING = 0.05
"""Share of the start-up from which a part of it is named in its line."""
NAMES = 4
NAME_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """A part of the ledger as a table shows it."""

    label: str
    seconds: str
    share: str
    count: str
    detail: str
    """The longest of its rows by name."""


def startup(report: Report) -> str:
    """Return "42 s to the first step: imports 9.0 s, data set 12 s; steps are 63 % of the run", or ""."""
    rows, whole = report.ledger, report.startup_s
    if rows is None or whole is None:
        return ""
    shown = [
        f"{LABELS[part]}{units.NBSP}{units.duration(seconds * 1e9)}"
        for part in ONCE
        if (seconds := part_seconds(rows, part)) >= WORTH_NAMING * whole and seconds > 0
    ]
    parts = f": {', '.join(shown)}" if shown else ""
    good = "" if report.goodput is None else f"; steps are {units.percent(report.goodput)} of the run"
    return f"{units.duration(whole * 1e9)} to the first step{parts}{good}"


def ledger_lines(report: Report) -> tuple[LedgerLine, ...]:
    """Return a line for each part that took time, in the order in which a run comes to them."""
    rows = report.ledger or ()
    wall = sum(row.seconds for row in rows)
    lines = []
    for part in PARTS:
        own = [row for row in rows if row.part == part]
        seconds = part_seconds(rows, part)
        if not own or seconds <= 0:
            continue
        label = LABELS[part]
        number = part_count(rows, part)
        lines.append(
            LedgerLine(
                label=label[:1].upper() + label[1:],
                seconds=units.duration(seconds * 1e9),
                share=units.percent(seconds / wall),
                count=units.count(number) if part in COUNTED and number else "",
                detail=_detail(own),
            )
        )
    return tuple(lines)


def ledger_sentence(report: Report) -> str:
    """Return what the table of the ledger sums to, and the goodput."""
    wall = sum(row.seconds for row in report.ledger or ())
    good = "" if report.goodput is None else f" Goodput, the share of steps: {units.percent(report.goodput)}."
    return f"Where the {units.duration(wall * 1e9)} of the training process went, start to end.{good}"


def _detail(rows: list[LedgerRow]) -> str:
    named = [row for row in rows if row.name]
    if not named:
        return ""
    if len(rows) == 1:
        return plain(named[0].name, NAME_CHARACTERS)
    shown = [
        f"{plain(row.name, NAME_CHARACTERS)} {units.duration(row.seconds * 1e9)}" for row in named[:NAMES]
    ]
    more = len(named) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
