"""Say in words what a check or a comparison found: the sentence, the rows, what the figures stand on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from throughput import units
from throughput.model.category import Category
from throughput.model.verdict import CountRow, Form, Mark, OtherRow, Outcome, PartRow, SpotRow, Verdict
from throughput.render import labels, wording
from throughput.render.labels import plain

COMPUTE_AND_HOST = "Compute and other Python"
NAME_LIMIT = 60
PART_HEADS = ("part of a step", "before", "now", "change of the step", "")
SPOT_HEADS = ("place", "before", "now", "difference", "")
SMALL = 0.02
"""Of the step: a component that took less before has no relative change worth reading."""
WHOLE = 0.01
"""Half width with which a threshold of whole percents is shown without a digit after the point."""
COUNTS_SHOWN = 12
SPOTS_SHOWN = 8
IN_WORDS = ("files", "worker files", "amount", "collective", "device", "instructions")
"""Kinds of counts that have names of ours; the others have names of code."""
FORMS = {
    Form.LOCKSTEP: "in lockstep",
    Form.INTERLEAVED: "one after the other, in turn",
    Form.STORED: "against saved numbers",
}
MARKS = {
    Mark.CHANGED: "changed",
    Mark.NOISE: "",
    Mark.UNTESTED: "not tested",
    Mark.NEW: "new",
    Mark.GONE: "gone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a table, in words."""

    name: str
    base: str
    head: str
    difference: str
    remark: str
    stands_out: bool


def worded(verdict: Verdict) -> Verdict:
    """Return the verdict with its sentence."""
    return replace(verdict, sentence=sentence(verdict))


def sentence(verdict: Verdict) -> str:
    """Return the verdict and its cause in one sentence."""
    found = _cause(verdict)
    cause = f"; {found}" if found else ""
    change = _change(verdict)
    limit = units.percent(
        verdict.threshold, WHOLE if round(verdict.threshold * 100, 6).is_integer() else None
    )
    if verdict.outcome is Outcome.SLOWER:
        return f"Slower by {change}{f': {found}' if found else ''}."
    if verdict.outcome is Outcome.FASTER:
        return f"Faster: {change}{cause}."
    if verdict.outcome is Outcome.SAME:
        return f"{_strict(verdict)}Not slower by {limit} or more: {change}{cause}."
    return f"{_strict(verdict)}Can't tell at {limit}: {change}{_more(verdict)}{cause}."


def basis(verdict: Verdict) -> str:
    """Return what the figures stand on: the sides, the form, how many values, what could be seen."""
    paired = verdict.form is not Form.STORED
    many = units.plural(verdict.values, "pair" if paired else "process")
    parts = [
        f"{plain(verdict.base, NAME_LIMIT)} → {plain(verdict.head, NAME_LIMIT)}",
        f"{many}{' of fresh processes' if paired else ''}, {FORMS[verdict.form]}",
        f"step {units.duration(verdict.base_ns)} → {units.duration(verdict.head_ns)}",
    ]
    if verdict.sees is not None:
        parts.append(f"sees changes of {units.percent(verdict.sees)} or more")
    if verdict.seconds is not None:
        parts.append(f"took {units.duration(verdict.seconds * 1e9)}")
    return " · ".join(parts)


def part_rows(verdict: Verdict) -> tuple[Row, ...]:
    """Return a row for each component, largest change first; changes are of the whole step."""
    return tuple(
        Row(
            name=component_name(row.component),
            base=units.duration(row.base_ns),
            head=units.duration(row.head_ns),
            difference=_of_step(row),
            remark=MARKS[row.mark],
            stands_out=row.mark is Mark.CHANGED,
        )
        for row in verdict.parts
    )


def spot_rows(verdict: Verdict) -> tuple[Row, ...]:
    """Return a row for each place that moved most, largest difference first."""
    return tuple(
        Row(
            name=f"{_name(row.name)} {_place(row)}",
            base="–" if row.base_ns is None else units.duration(row.base_ns),
            head="–" if row.head_ns is None else units.duration(row.head_ns),
            difference=units.difference((row.head_ns or 0.0) - (row.base_ns or 0.0)),
            remark=MARKS[row.mark],
            stands_out=row.mark in (Mark.CHANGED, Mark.NEW, Mark.GONE),
        )
        for row in verdict.spots[:SPOTS_SHOWN]
    )


def count_lines(verdict: Verdict) -> tuple[str, ...]:
    """Return a line for each count that changed, exact ones first."""
    titles = ("Likely more or less work", "Work changed")
    lines = [f"{titles[row.exact]}: {_count(row)}" for row in verdict.counts]
    more = len(lines) - COUNTS_SHOWN
    return (*lines[:COUNTS_SHOWN], *([f"{more} more counts changed"] if more > 0 else []))


def other_lines(verdict: Verdict) -> tuple[str, ...]:
    """Return a line for each other figure that moved beyond its own tolerance."""
    return tuple(_other(row) for row in verdict.others if row.beyond)


def component_name(component: str) -> str:
    """Return a component's name."""
    try:
        return labels.label(Category(component), has_device=False).replace("CPU compute", "Compute")
    except ValueError:
        return COMPUTE_AND_HOST if component == "compute_and_host" else plain(component, NAME_LIMIT)


def verdict_to_json(verdict: Verdict) -> bytes:
    """Return the verdict as indented JSON, ending with a newline."""
    return msgspec.json.format(msgspec.json.encode(verdict, order="deterministic"), indent=2) + b"\n"


def _change(verdict: Verdict) -> str:
    change = verdict.ratio - 1
    shown = units.change(change) if verdict.outcome is not Outcome.SLOWER else units.percent(change)
    if verdict.low is None or verdict.high is None:
        return f"{shown}, too few processes for an interval"
    return f"{shown} ({units.change_range(verdict.low - 1, verdict.high - 1)})"


def _more(verdict: Verdict) -> str:
    if verdict.form is Form.STORED:
        if verdict.more is None:
            return "; more runs would not settle it, running both versions in turns can (check --base-ref)"
        return f"; about {units.plural(verdict.more, 'more run')} would"
    if verdict.more is None:
        return "; no reasonable number of pairs would on this machine"
    return f"; about {units.plural(verdict.more, 'more pair')} would"


def _strict(verdict: Verdict) -> str:
    return "Work changed, and counts are strict. " if verdict.work_changed else ""


def _cause(verdict: Verdict) -> str:
    """Return the component, the place and the work to blame; "" where none stands out."""
    words = []
    if verdict.part is not None:
        words.append(_part(verdict.part, verdict.base_ns))
    if verdict.spot is not None:
        words.append(_spot(verdict.spot))
    exact = next((row for row in verdict.counts if row.exact), None)
    told = verdict.outcome in (Outcome.SLOWER, Outcome.FASTER) or verdict.work_changed
    unexplained = verdict.spot is None or verdict.work_changed
    if exact is not None and unexplained and (told or words or exact.where):
        words.append(f"work changed: {_count(exact)}")
    return ", ".join(words)


def _part(row: PartRow, step_ns: float) -> str:
    name = component_name(row.component)
    shown = name if name[:3] in ("CPU", "GPU") else name[0].lower() + name[1:]
    base, head = row.base_ns or 0.0, row.head_ns or 0.0
    if base < SMALL * step_ns:
        return f"{shown} {units.difference(head - base)} a step"
    return f"{shown} {units.change(head / base - 1)}"


def _spot(row: SpotRow) -> str:
    name = f"`{_name(row.name)}` {_place(row)}"
    if row.base_ns is None:
        return f"{name} is new, {units.duration(row.head_ns)} a step"
    if row.head_ns is None:
        return f"{name} is gone, it took {units.duration(row.base_ns)} a step"
    return f"{name} went from {units.duration(row.base_ns)} to {units.duration(row.head_ns)} a step"


def _count(row: CountRow) -> str:
    at = f", {wording.relative(row.where, NAME_LIMIT)}" if row.where else ""
    name = _name(row.name) if row.kind in IN_WORDS else f"`{_name(row.name)}`"
    return f"{name} {_number(row, row.base)} → {_number(row, row.head)} {_per(row)}{at}"


def _per(row: CountRow) -> str:
    if row.kind == "compile":
        return "in the run"
    return "a batch" if row.kind == "amount" or row.kind.startswith("worker ") else "a step"


def _number(row: CountRow, value: float) -> str:
    is_size = row.kind in IN_WORDS and "bytes" in row.name.split()
    return units.size(value) if is_size else units.count(value)


def _place(row: SpotRow) -> str:
    return f"({wording.place(row.file, row.line)})" if row.file else ""


def _of_step(row: PartRow) -> str:
    shown = units.change(row.change, row.half)
    return shown if row.half is None else f"{shown} {units.plus_minus(-row.half, row.half)}"


def _name(text: str) -> str:
    return plain(text, NAME_LIMIT).replace("`", "'")


def _other(row: OtherRow) -> str:
    sides = (units.quantity(value, row.unit) for value in (row.base, row.head))
    return f"{row.name}: {' → '.join(sides)} ({units.change(row.head / row.base - 1)})"
