"""Finds a collate function that takes a large part of making a batch."""

from __future__ import annotations

import re

from throughput import units
from throughput.diagnose import costs, evidence, findings, lateness, reading
from throughput.diagnose.examples import facts, loader, loading
from throughput.diagnose.ranking import SpecificRule
from throughput.model.attribution import Hotspot
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

LARGE = 0.3
"""Collating tensors is one copy of them, a small part of fetching; from a third on it is more than that."""
COLLATES = re.compile("collat", re.IGNORECASE)
FIX = (
    "Return ready tensors of one shape from __getitem__, so that collating is one torch.stack; for "
    "arrays that lie in memory take the whole batch by one index:\n"
    "    def __getitems__(self, indices):\n"
    "        return self.x[indices], self.y[indices]      # with collate_fn=lambda batch: batch"
)


def check(facts: Facts) -> Finding | None:
    """See putting samples together take a large part of the time of a batch.

    Why it costs: lists of Python objects are turned into tensors one by one, or padded in a Python loop,
    in one thread, for the whole batch.
    How to fix: tensors in, one stack out; fetch whole batches by index; pad to lengths known beforehand.
    When it is wrong: fetching costs nothing because the data lie in memory, and the batch is simply
    large.
    Sources: Lotus (IISWC'24); torch.utils.data documentation (collate_fn, __getitems__).
    """
    summary = facts.attribution.loader
    if summary is None or not summary.made_ns or not summary.collate_ns:
        return None
    part = min(1.0, summary.collate_ns / summary.made_ns)
    if part < LARGE:
        return None
    cost = lateness.of_making(facts, part, costs.generic(facts))
    work = [place for place in reading.places(facts, Category.DATA_LOADING) if _collates(place)]
    lines = [
        f"collating takes {units.duration(summary.collate_ns)}",
        evidence.batch(summary),
        evidence.category(facts, Category.DATA_LOADING, "loading takes"),
        *(evidence.place(place) for place in work[:1]),
    ]
    where = reading.own_place(facts, work[0]) if work else None
    title = "Putting samples together (collate) is slow"
    return findings.of_cost(cost, (Category.DATA_LOADING, where), (title, FIX), lines)


def _collates(place: Hotspot) -> bool:
    caller = place.caller.function if place.caller is not None else ""
    return any(COLLATES.search(text) for text in (place.name, place.kind, place.file, caller))


def _fires() -> tuple[Facts, ...]:
    slow, work = loader(2, fetch_ns=30e6, collate_ns=70e6), loading("pad_collate", 0.3)
    return (facts({Category.DATA_LOADING: 0.4}, (work,), loader=slow),)


def _quiet() -> tuple[Facts, ...]:
    slow = loader(2, fetch_ns=30e6, collate_ns=70e6)
    return (
        facts({Category.DATA_LOADING: 0.4}, loader=loader(2)),
        facts({Category.DATA_LOADING: 0.06}, loader=slow),
    )


RULE = SpecificRule(
    name="slow-collate",
    check=check,
    requires=("loader",),
    fires=_fires,
    quiet=_quiet,
    supersedes=("slow-transform", "no-workers", "too-few-workers", "prefetch-shallow"),
)
