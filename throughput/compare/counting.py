"""Put the counts of several processes together, and say which of them changed.

A count is exact where every process counts the same: such counts have no noise, so a difference is one of
the code. Others have changed where they moved by far more than they vary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from throughput.compare.counted import COUNTS_MAX, MANY, Key
from throughput.model.benchmark import SavedCount
from throughput.model.verdict import CountRow

SPREADS, LEAST = 3.0, 0.1
"""A count that varies has changed where it moved by more than three times both spreads, and a tenth."""
FINER = {"instructions": 0.01}
"""Kinds that vary less: a hundredth is enough."""
PLACED = ("call", "worker call")
"""Kinds of which several may have one name: the file tells them apart."""


def merged(processes: Sequence[tuple[SavedCount, ...]]) -> tuple[SavedCount, ...]:
    """Return the counts of several processes as one list: means, spreads, what is exact in all of them."""
    counted = [rows for rows in processes if rows]
    groups: dict[Key, list[SavedCount]] = {}
    for rows in counted:
        for one in rows:
            groups.setdefault(_key(one), []).append(one)
    found = []
    for rows_ in groups.values():
        values = [one.per_step for one in rows_]
        everywhere = len(rows_) == len(counted)
        least = min(values) if everywhere else 0.0
        found.append(
            replace(
                rows_[0],
                per_step=round(sum(values) / len(counted), 4),
                spread=round(max(max(values) - least, *(one.spread for one in rows_)), 4),
                exact=everywhere and all(one.exact for one in rows_) and max(values) == min(values),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.kind, one.name, one.where or "")))


def changed(
    base: Sequence[SavedCount], head: Sequence[SavedCount], *, several: bool
) -> tuple[tuple[CountRow, ...], int]:
    """Return the counts that differ, exact ones first, and how many were compared.

    Args:
        base: the counts before.
        head: the counts now.
        several: both sides ran more than one process, so that a spread between them is known.
    """
    if not base or not head:
        return (), 0
    before, now = {_key(one): one for one in base}, {_key(one): one for one in head}
    kinds = {one.kind for one in base} & {one.kind for one in head}
    cut = len(base) >= COUNTS_MAX or len(head) >= COUNTS_MAX
    keys = [key for key in before | now if key[0] in kinds and (not cut or (key in before and key in now))]
    rows = [_row(before.get(key), now.get(key), several=several) for key in keys]
    found = [row for row in rows if row is not None]
    located = (_located(row, found) for row in found)
    ranked = sorted(located, key=lambda r: (not r.exact, r.where is None, -abs(r.head - r.base)))
    return tuple(ranked), len(keys)


def _row(one: SavedCount | None, other: SavedCount | None, *, several: bool) -> CountRow | None:
    shown = other or one
    assert shown is not None
    base, head = one.per_step if one else 0.0, other.per_step if other else 0.0
    exact = (one is None or one.exact) and (other is None or other.exact)
    if base == head or not (exact or _far(one, other, several=several)):
        return None
    return CountRow(kind=shown.kind, name=shown.name, where=shown.where, base=base, head=head, exact=exact)


def _far(one: SavedCount | None, other: SavedCount | None, *, several: bool) -> bool:
    """Return whether a count that varies moved by far more than it does, where that is known."""
    if one is None or other is None:
        return False
    if not several and not all(side.exact or side.spread > 0 for side in (one, other)):
        return False
    moved = abs(other.per_step - one.per_step)
    least = FINER.get(one.kind, LEAST) * max(one.per_step, other.per_step)
    return moved > SPREADS * (one.spread + other.spread) and moved > least


def _located(row: CountRow, rows: Sequence[CountRow]) -> CountRow:
    """Return a changed operator with the place of own code whose calls changed by as many."""
    if row.where is not None or row.kind not in MANY:
        return row
    alike = [r for r in rows if r.where and r.exact and r.head - r.base == row.head - row.base]
    word = row.name.rpartition("::")[2].strip("_").split("_")[-1]
    best = next((r for r in alike if word and word in r.name), None) or (alike[0] if alike else None)
    return row if best is None else replace(row, where=best.where)


def _key(one: SavedCount) -> Key:
    """Return what makes two counts of one thing: lines shift with every edit, so they don't count."""
    return one.kind, one.name, (one.where or "").rpartition(":")[0] if one.kind in PLACED else ""
