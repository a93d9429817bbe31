"""Say which rank the others wait for: who comes last to the collectives, and by how much."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughput.attribute.intervals import Floats
from throughput.model.attribution import Attribution
from throughput.model.category import CATEGORIES, Category
from throughput.model.timeline import DEVICE_KINDS, Ints
from throughput.model.trace import RankTrace

PAIRWISE = re.compile(r"send_?recv|_send\b|_recv\b|p2p", re.IGNORECASE)
"""Between two ranks: one may go ahead of the other, so that coming late says nothing of the rest."""
STRAGGLES = 0.05
"""Of a step: what a rank imposes on the others below it is the jitter of any job."""
LEAST = 0.5
"""Of the ranks that take part in a collective: fewer met by a matching of the wrong collectives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collectives:
    """One rank's collectives, in order: its step, a key that all ranks share, and when its kernel ran."""

    rank: int
    begin_ns: int
    """When the first step begins."""
    step: Ints
    key: tuple[str, ...]
    start_ns: Ints
    end_ns: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Imposed:
    """What one rank costs the others: `ns_per_step` each waits for it, and which category makes it late."""

    rank: int
    ns_per_step: float
    share: float
    collectives: int
    late_in: Category | None
    excess_ns: float
    """How much more of this category the rank has a step than the median of the others."""


def collectives_of(trace: RankTrace) -> Collectives:
    """Return a rank's collectives within its steps; those of a thread of the same name keep their order."""
    spans, steps = trace.events.device, trace.timeline.steps
    start = np.array([s.start_ns for s in steps], dtype=np.int64)
    rows = np.flatnonzero(spans.kind == DEVICE_KINDS.index(Category.COMMUNICATION))
    known = np.array([not PAIRWISE.search(name) for name in trace.events.names], dtype=bool)
    rows = rows[known[spans.name[rows]]]
    place = np.searchsorted(start, spans.start_ns[rows], side="right") - 1
    rows, place = rows[place >= 0], place[place >= 0]
    base = int(trace.events.facts.get("base_ns") or 0)
    return Collectives(
        rank=trace.timeline.rank,
        begin_ns=(steps[0].start_ns if steps else 0) + base,
        step=np.array([steps[p].index for p in place.tolist()], dtype=np.int64),
        key=tuple(trace.events.names[n] for n in spans.name[rows].tolist()),
        start_ns=spans.start_ns[rows] + base,
        end_ns=spans.end_ns[rows] + base,
    )


def imposed(ranks: Sequence[Collectives], found: Sequence[Attribution]) -> tuple[Imposed, ...]:
    """Return what each rank imposes on the others; empty where ranks share no collectives.

    A collective ends when the last rank has come. What that rank imposes is the time by which it comes
    after the one before it: all would go on so much earlier if it came with that one.
    """
    table = aligned(ranks)
    if table is None:
        return ()
    begun = table.begun
    last = np.nanargmax(begun, axis=0)
    every = np.arange(begun.shape[1])
    others = begun.copy()
    others[last, every] = np.nan
    late = begun[last, every] - np.nanmax(others, axis=0)
    steps = max(len(found[0].steps), 1)
    means = [float(np.mean([s.duration_ns for s in one.steps] or [0])) for one in found]
    step_ns = float(np.median(means)) or 1.0
    rows = []
    for number, one in enumerate(ranks):
        mine = last == number
        ns = float(late[mine].sum()) / steps
        category, excess = _late_in(found, number)
        rows.append(
            Imposed(
                rank=one.rank,
                ns_per_step=ns,
                share=ns / step_ns,
                collectives=int(mine.sum()),
                late_in=category,
                excess_ns=excess,
            )
        )
    return tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """The collectives that ranks share, on one clock, shape (ranks, collectives); not a number is none."""

    begins: Floats
    """When each rank begins its first step."""
    begun: Floats
    ended: Floats


def aligned(ranks: Sequence[Collectives]) -> Aligned | None:
    """Return the shared collectives on one clock; None where there are none."""
    table = _matched(ranks)
    if table is None:
        return None
    begun, ended, origin = table
    # Clocks of hosts differ; all leave a collective at one instant.
    offsets = ended - np.nanmedian(ended, axis=0)
    known = [row[~np.isnan(row)] for row in offsets]
    shift = np.array([float(np.median(row)) if len(row) else 0.0 for row in known])
    begins = np.array([one.begin_ns - origin for one in ranks], dtype=np.float64)
    return Aligned(begins=begins - shift, begun=begun - shift[:, None], ended=ended - shift[:, None])


def stragglers(rows: Sequence[Imposed]) -> tuple[Imposed, ...]:
    """Return the ranks that cost the others at least 5 % of a step, the costliest first."""
    return tuple(sorted((row for row in rows if row.share >= STRAGGLES), key=lambda row: -row.ns_per_step))


def _matched(ranks: Sequence[Collectives]) -> tuple[Floats, Floats, int] | None:
    """Return when each rank's collectives began and ended, shape (ranks, collectives), and from when.

    Collectives of one step and kernel are matched in their order. Not a number where a rank has none.
    """
    if len(ranks) < 2:
        return None
    cells: dict[tuple[int, str, int], dict[int, int]] = defaultdict(dict)
    for number, one in enumerate(ranks):
        seen: dict[tuple[int, str], int] = defaultdict(int)
        for row, key in enumerate(zip(one.step.tolist(), one.key, strict=True)):
            cells[key[0], key[1], seen[key]][number] = row
            seen[key] += 1
    shared = [cell for cell in cells.values() if len(cell) >= max(2, LEAST * len(ranks))]
    if not shared:
        return None
    begin = min(int(one.start_ns.min()) for one in ranks if len(one.start_ns))
    begun = np.full((len(ranks), len(shared)), np.nan)
    ended = begun.copy()
    for column, cell in enumerate(shared):
        for number, row in cell.items():
            begun[number, column] = ranks[number].start_ns[row] - begin
            ended[number, column] = ranks[number].end_ns[row] - begin
    return begun, ended, begin


def _late_in(found: Sequence[Attribution], number: int) -> tuple[Category | None, float]:
    """Return in which category a rank spends most more than the median of the others, and how much a step."""
    table: npt.NDArray[np.float64] = np.array(
        [[_mean_ns(one, category) for category in CATEGORIES] for one in found], dtype=np.float64
    )
    others = np.delete(table, number, axis=0)
    excess = table[number] - np.median(others, axis=0)
    excess[CATEGORIES.index(Category.COMMUNICATION)] = 0.0  # who is late communicates least
    best = int(np.argmax(excess))
    return (CATEGORIES[best], float(excess[best])) if excess[best] > 0 else (None, 0.0)


def _mean_ns(one: Attribution, category: Category) -> float:
    row = next((row for row in one.split if row.category is category), None)
    return row.ns_per_step or 0.0 if row is not None else 0.0
