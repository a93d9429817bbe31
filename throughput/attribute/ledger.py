"""Give every nanosecond of a process to one part of its ledger: of ranked claims the first has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from throughput.attribute.ledger_claims import Claim, claims_of
from throughput.model.ledger import PARTS, LedgerRow
from throughput.model.run import Run
from throughput.model.timeline import Ints, Timeline

LATEST_NS = 2**61
"""Clocks of 64 bits: later times, and sums of two, would not fit."""
NAMES_MAX = 12
"""Rows of one part; what else there is of it is one row more."""
OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The rows, and what a clean step and each return of evaluation, checkpoint and epoch end cost in it."""

    rows: tuple[LedgerRow, ...]
    wall_ns: int
    step_ns: float | None
    """Of a clean step, what belongs to no other part; None without clean steps."""
    goodput: float | None
    """Time in steps after the warm-up, of the wall time."""


def life_ns(run: Run, timeline: Timeline) -> tuple[int, int] | None:
    """Return when the training process began and ended; None where that is not known.

    The script's own process was timed from outside; one that a launcher started says itself when it began,
    and its last sign stands for its end.
    """
    life = timeline.facts.get("life") or {}
    clock = run.clock
    is_child = clock.get("child_pid") == timeline.facts.get("pid")
    if "child_pid" in clock and is_child:
        child = _known(clock.get("child_began_ns")), _known(clock.get("child_ended_ns"))
        return None if child[0] is None or child[1] is None else (child[0], child[1])
    asked = _known(clock.get("monotonic_ns"))
    began = _known(life.get("began_ns"), life.get("started_ns"), asked)
    if began is None:
        return None
    wall_ns = _known((run.wall_s or 0.0) * 1e9)
    if "child_pid" not in clock and wall_ns and asked:
        return began, max(began, asked + wall_ns)
    return began, max([began, *_signs(timeline)])


def _known(*values: object) -> int | None:
    """Return the first that is a time: what was written by others may be anything."""
    numbers = (value for value in values if isinstance(value, (int, float)) and abs(value) < LATEST_NS)
    return next((int(number) for number in numbers), None)


def _signs(timeline: Timeline) -> list[int]:
    """Return the last times that the process itself put down."""
    life = timeline.facts.get("life") or {}
    ends = [t for t in (_known(life.get("stopped_ns")), _known(life.get("exit_ns"))) if t is not None]
    ends += [span.end_ns for span in timeline.spans[-1:]] + [step.end_ns for step in timeline.steps[-1:]]
    return [*ends, int(timeline.segments.end_ns.max())] if len(timeline.segments.end_ns) else ends


def ledger_of(run: Run, timeline: Timeline) -> Ledger | None:
    """Return where the training process's wall time went; None where it is not known how long it lived."""
    life = life_ns(run, timeline)
    if life is None or life[1] <= life[0]:
        return None
    claims = claims_of(timeline, life, run.script_dir)
    owned = owned_ns(claims, life)
    wall = life[1] - life[0]
    rows = ledger_rows(claims, owned, wall)
    clean = [(ns, claim) for ns, claim in zip(owned.tolist(), claims, strict=True) if claim.is_clean]
    steps = sum(claim.count for _, claim in clean)
    return Ledger(
        rows=rows,
        wall_ns=wall,
        step_ns=sum(ns for ns, _ in clean) / steps if steps else None,
        goodput=sum(row.seconds for row in rows if row.part == "steps") / (wall / 1e9),
    )


def owned_ns(claims: Sequence[Claim], life: tuple[int, int]) -> Ints:
    """Return how much of a life each claim gets: time that several want goes to the first of them."""
    began, ended = life
    starts = np.clip(np.array([claim.start_ns for claim in claims], dtype=np.int64), began, ended)
    ends = np.clip(np.array([claim.end_ns for claim in claims], dtype=np.int64), began, ended)
    edges = np.unique(np.concatenate([starts, ends, np.array([began, ended], dtype=np.int64)]))
    owner = np.full(max(len(edges) - 1, 0), len(claims), dtype=np.int64)
    first, last = np.searchsorted(edges, starts), np.searchsorted(edges, ends)
    for number in range(len(claims) - 1, -1, -1):
        owner[first[number] : last[number]] = number
    owned = np.zeros(len(claims) + 1, dtype=np.int64)
    np.add.at(owned, owner, np.diff(edges))
    return owned[: len(claims)]


def ledger_rows(claims: Sequence[Claim], owned: Ints, wall_ns: int) -> tuple[LedgerRow, ...]:
    """Return the rows, in the order of PARTS and the longest first; they sum to the wall time."""
    times: dict[tuple[str, str], int] = {}
    counts: dict[tuple[str, str], int] = {}
    for claim, ns in zip(claims, owned.tolist(), strict=True):
        if ns:
            key = (claim.part, claim.name)
            times[key] = times.get(key, 0) + ns
            counts[key] = counts.get(key, 0) + claim.count
    rest = wall_ns - sum(times.values())
    if rest:
        times["rest", ""], counts["rest", ""] = rest, 1
    rows: list[LedgerRow] = []
    for part in PARTS:
        keys = sorted((key for key in times if key[0] == part), key=lambda key: (-times[key], key))
        rows += [_row(part, key[1], [key], times, counts) for key in keys[:NAMES_MAX]]
        if keys[NAMES_MAX:]:
            rows.append(_row(part, OTHERS, keys[NAMES_MAX:], times, counts))
    return tuple(rows)


def _row(
    part: str,
    name: str,
    keys: list[tuple[str, str]],
    times: dict[tuple[str, str], int],
    counts: dict[tuple[str, str], int],
) -> LedgerRow:
    return LedgerRow(
        part=part,
        name=name,
        seconds=sum(times[key] for key in keys) / 1e9,
        count=sum(counts[key] for key in keys),
    )
