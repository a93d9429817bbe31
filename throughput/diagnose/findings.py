"""Turn places and costs into findings: the parts that many rules share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, replace

from throughput.diagnose import costs, evidence, reading
from throughput.diagnose.costs import Cost
from throughput.diagnose.ranking import PlacedFinding
from throughput.model.attribution import Hotspot, Place
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, LoaderSettings

SHOWN = 3
"""Lines of evidence for places: more are in the report's hotspots."""
SAVES = re.compile(
    r"torch\.save|torch/serialization|save_file|save_pretrained|save_checkpoint|save_state|pickle\.dump"
    r"|distributed\.checkpoint|^save$",
    re.IGNORECASE,
)
"""Writes a checkpoint: told from other logging by name or line."""
OPENS = re.compile(
    r"h5py\.(File|_hl\.files)|h5py/_hl/files|sqlite3\.connect|zipfile\.(ZipFile|Path)\(|zipfile\.ZipFile$|tarfile\.open"
    r"|lmdb\.open|np\.memmap\(|numpy\.memmap|netCDF4\.Dataset\(|zarr\.open|rasterio\.open|pq\.ParquetFile\("
    r"|\bopen\(self\.\w+\)|\bopen\(self\.\w+,"
)
"""Opens a file that holds many samples, and reads its directory."""
MAKES_LOADER = re.compile(r"\bDataLoader\(")
MAKES_OPTIMIZER = re.compile(r"\boptim\.\w+\(|\b(SGD|Adam\w*|RMSprop|Adagrad|NAdam|RAdam)\(")


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
    own = reading.own_files(facts)
    return PlacedFinding(
        rule="",
        title=texts[0],
        category=main_category(places),
        where=reading.changed_at(ranked[0], own),
        evidence=(*(evidence.place(place) for place in ranked[:SHOWN]), *more),
        fix=texts[1],
        saves_ns_per_step=cost.ns,
        prediction=costs.bound_of(cost),
        claims=tuple(reading.changed_at(place, own) for place in ranked),
    )


def of_loader(
    facts: Facts,
    cost: Cost | None,
    texts: tuple[str, str],
    lines: Sequence[str],
    assumes: str = "",
    sets: LoaderSettings | None = None,
) -> Finding | None:
    """Return a finding at the line that makes the DataLoader; None where there is no cost worth it."""
    where = reading.place_of_text(facts, MAKES_LOADER)
    found = of_cost(cost, (Category.DATA_LOADING, where), texts, lines, assumes)
    return None if found is None else replace(found, sets=sets)


def of_cost(
    cost: Cost | None,
    spot: tuple[Category, Place | None],
    texts: tuple[str, str],
    lines: Sequence[str],
    assumes: str = "",
) -> Finding | None:
    """Return a finding of this category at this place; None where there is no cost worth it."""
    if cost is None:
        return None
    return Finding(
        rule="",
        title=texts[0],
        category=spot[0],
        where=spot[1],
        evidence=tuple(lines),
        fix=texts[1],
        saves_ns_per_step=cost.ns,
        prediction=costs.bound_of(cost, assumes),
    )


def claiming(finding: Finding | None, places: Sequence[Place]) -> Finding | None:
    """Return the finding as one whose time is at these lines: it explains other findings there alone."""
    if finding is None or not places:
        return finding
    values = {field.name: getattr(finding, field.name) for field in fields(Finding)}
    return PlacedFinding(**values, claims=tuple(places))


def main_category(places: Sequence[Hotspot]) -> Category:
    """Return the category of most of the time that a fix removes."""
    sums: dict[Category, float] = {}
    for place in places:
        sums[place.category] = sums.get(place.category, 0.0) + place.ns_per_step
    return max(sums, key=lambda category: sums[category])
