"""Finds ready batches that wait behind a late one."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import evidence, findings, lateness, reading
from throughput.diagnose.examples import batches, facts, loader, settings
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, LoaderSettings

SATURATED = 0.9
"""Workers this busy give no more batches in another order."""
FIX = (
    "Take batches as they come: DataLoader(..., in_order=False) (torch 2.6 and later; the order then "
    "varies from run to run), or make batches cost alike, such as by sorting samples by size."
)


def check(facts: Facts) -> Finding | None:
    """See the step wait for one batch while a later one lies ready.

    Why it costs: batches are handed over in order, so a slow one holds up all that are done.
    How to fix: in_order=False where the order doesn't matter; else even out the cost of batches.
    When it is wrong: all workers are slow alike and the ready batch is the next one anyway.
    Sources: Lotus (IISWC'24); torch.utils.data documentation (in_order).
    """
    summary, late = facts.attribution.loader, lateness.read_lateness(facts)
    if summary is None or summary.num_workers < 2 or (summary.busy_share or 0) >= SATURATED or late is None:
        return None
    if any(loader.in_order is False for loader in facts.timeline.loaders):
        return None
    cost = lateness.cost(facts, late.ordered_ns, late.total_ns)
    steps = len(reading.clean_steps(facts))
    lines = (
        f"a step waits {units.duration(late.late_ns / steps)} for batches that are late",
        f"during {units.duration(late.ordered_ns / steps)} of it a later batch lies ready",
        evidence.workers(summary),
    )
    texts = ("Ready batches wait behind a late one", FIX)
    return findings.of_loader(facts, cost, texts, lines, sets=LoaderSettings(in_order=False))


def _fires() -> tuple[Facts, ...]:
    rest = loader(4, busy_share=0.6)
    behind = batches(50, 90, every=4, ready_ms=5)
    return (facts({Category.DATA_LOADING: 0.25}, loader=rest, loaders=(settings(4),), batches=behind),)


def _quiet() -> tuple[Facts, ...]:
    slow, rest, behind = {Category.DATA_LOADING: 0.25}, loader(4, busy_share=0.6), batches(50, 90, 4, 5)
    return (
        facts(slow, loader=rest, batches=batches(50, 0)),
        facts(slow, loader=rest, batches=behind, loaders=(settings(4, in_order=False),)),
        facts(slow, loader=loader(4), batches=behind),
        facts({Category.DATA_LOADING: 0.02}, loader=rest, batches=behind),
    )


RULE = SpecificRule(
    name="head-of-line-blocking",
    check=check,
    requires=("loader",),
    fires=_fires,
    quiet=_quiet,
    supersedes=(*GENERAL_LOADING, "slow-storage-read"),
)
