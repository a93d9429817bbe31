"""Finds ready batches that wait behind a late one."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.examples import facts, loader, settings
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

OFTEN = 0.5
"""In most waits a batch lay ready: order, not speed, is what the step waits for."""
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
    summary = facts.attribution.loader
    if summary is None or summary.num_workers < 2 or (summary.out_of_order_share or 0) < OFTEN:
        return None
    if any(loader.in_order is False for loader in facts.timeline.loaders):
        return None
    cost = costs.of_category(facts, Category.DATA_LOADING, summary.out_of_order_share or 0)
    lines = (
        f"in {units.percent(summary.out_of_order_share)} of the waits a later batch lay ready",
        evidence.workers(summary),
        evidence.category(facts, Category.DATA_LOADING, "waiting for batches takes"),
    )
    return findings.of_loader(facts, cost, ("Ready batches wait behind a late one", FIX), lines)


def _fires() -> tuple[Facts, ...]:
    late = loader(4, out_of_order_share=0.8, busy_share=0.6)
    return (facts({Category.DATA_LOADING: 0.2}, loader=late, loaders=(settings(4),)),)


def _quiet() -> tuple[Facts, ...]:
    slow, late = {Category.DATA_LOADING: 0.2}, loader(4, out_of_order_share=0.8)
    return (
        facts(slow, loader=loader(4, out_of_order_share=0.1)),
        facts(slow, loader=late, loaders=(settings(4, in_order=False),)),
        facts({Category.DATA_LOADING: 0.02}, loader=late),
    )


RULE = SpecificRule(
    name="head-of-line-blocking",
    check=check,
    requires=("loader",),
    fires=_fires,
    quiet=_quiet,
    supersedes=("prefetch-shallow", "too-few-workers"),
)
