"""Turn places and costs into findings: the parts that many rules share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput.diagnose import costs, evidence, reading
from throughput.diagnose.costs import Cost
from throughput.model.attribution import Hotspot
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

SHOWN = 3
"""Lines of evidence for places: more are in the report's hotspots."""
MAKES_LOADER = re.compile(r"\bDataLoader\(")


def at_places(
    facts: Facts,
    places: Sequence[Hotspot],
    texts: tuple[str, str],
    least: float = costs.LEAST_SHARE,
    more: tuple[str, ...] = (),
) -> Finding | None:
    """Return a finding at the costliest place; None where all together aren't worth one.

    Args:
        facts: of one rank.
        places: whose time the fix removes.
        texts: title and fix.
        least: share of the step from which it is worth a finding.
        more: further lines of evidence.
    """
    cost = costs.of_places(places, least)
    if cost is None:
        return None
    ranked = sorted(places, key=lambda place: -place.ns_per_step)
    return Finding(
        rule="",
        title=texts[0],
        category=main_category(places),
        where=reading.own_place(facts, ranked[0]),
        evidence=(*(evidence.place(place) for place in ranked[:SHOWN]), *more),
        fix=texts[1],
        saves_ns_per_step=cost.ns,
        prediction=costs.bound_of(cost),
    )


def of_loader(
    facts: Facts, cost: Cost | None, texts: tuple[str, str], lines: Sequence[str], assumes: str = ""
) -> Finding | None:
    """Return a finding at the line that makes the DataLoader; None where there is no cost worth it."""
    if cost is None:
        return None
    return Finding(
        rule="",
        title=texts[0],
        category=Category.DATA_LOADING,
        where=reading.place_of_text(facts, MAKES_LOADER),
        evidence=tuple(lines),
        fix=texts[1],
        saves_ns_per_step=cost.ns,
        prediction=costs.bound_of(cost, assumes),
    )


def main_category(places: Sequence[Hotspot]) -> Category:
    """Return the category of most of the time that a fix removes."""
    sums: dict[Category, float] = {}
    for place in places:
        sums[place.category] = sums.get(place.category, 0.0) + place.ns_per_step
    return max(sums, key=lambda category: sums[category])
