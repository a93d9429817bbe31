"""Read locks the way rules ask: which one cost the step most, where, between whom."""

from __future__ import annotations

from throughput.diagnose import reading
from throughput.model.attribution import LockSummary, Place
from throughput.model.finding import Facts

FAMILIES = {"process lock": "process", "file lock": "process", "GIL": "gil"}
"""Kind of a lock, as in `LockInfo.kind`, -> who shares it; all others are shared by threads."""


def cost_ns(summary: LockSummary) -> float:
    """Return what a step lost to the lock; idle waits cost it nothing."""
    return summary.training_ns_per_step + summary.through_waker_ns_per_step


def costliest(facts: Facts, family: str, in_pipeline: bool | None) -> LockSummary | None:
    """Return the lock of this family that cost the step most.

    Args:
        facts: of one rank.
        family: thread, process or gil.
        in_pipeline: True for locks that mostly those wait for whom the training thread waits for, False for
            those that it mostly waits for itself, None for both.
    """
    found = [
        one
        for one in facts.attribution.locks
        if FAMILIES.get(one.places.kind, "thread") == family
        and in_pipeline in (None, one.through_waker_ns_per_step > one.training_ns_per_step)
    ]
    return max(found, key=cost_ns, default=None)


def where(facts: Facts, summary: LockSummary) -> Place | None:
    """Return the holder's line: that of the lock's hotspot, else where the lock is held or made."""
    for place in (*facts.attribution.hotspots, *facts.attribution.functions):
        if place.lock == summary.places:
            return Place(function=place.function, file=place.file, line=place.line)
    return reading.parsed_place(summary.places.held_at) or reading.parsed_place(summary.places.made_at)


def people(summary: LockSummary) -> tuple[str, ...]:
    """Return who holds the lock and who waits, as lines of evidence."""
    held = () if summary.holder is None else (f"it is held by {summary.holder}",)
    return (*held, f"it is waited for by {', '.join(summary.waiters)}") if summary.waiters else held
