"""Finds one worker that is slower than the others."""

from __future__ import annotations

import statistics

from throughput import units
from throughput.diagnose import evidence, findings, lateness
from throughput.diagnose.examples import facts, loader
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, LoaderSettings

SLOWER = 1.5
"""Workers of one loader draw from the same samples: means that differ by half are no chance."""
FIX = (
    "Give the workers equal work: split an iterable data set into shards of equal size "
    "(torch.utils.data.get_worker_info()), more shards than workers, and look at what is special in the "
    "slow one's files or storage."
)


def check(facts: Facts) -> Finding | None:
    """See one DataLoader worker take much longer for a batch than the others.

    Why it costs: batches are handed over in order, worker by worker, so that all wait for the slowest.
    How to fix: equal shards, shuffled before they are split; in_order=False.
    When it is wrong: its batches hold samples that cost more, and it was always its turn: then even out
    the batches.
    Sources: torch.utils.data documentation (get_worker_info, in_order).
    """
    summary = facts.attribution.loader
    if summary is None or len(summary.per_worker_made_ns) < 2:
        return None
    times = sorted(summary.per_worker_made_ns)
    slowest, usual = times[-1], statistics.median(times[:-1])
    if usual <= 0 or slowest < SLOWER * usual:
        return None
    number = summary.per_worker_made_ns.index(slowest)
    if not lateness.is_beyond_chance(facts, number):
        return None
    cost = lateness.of_making(facts, 1 - usual / slowest)
    lines = (
        f"worker {number} takes {units.duration(slowest)} for a batch, the others {units.duration(usual)}",
        evidence.category(facts, Category.DATA_LOADING, "waiting for batches takes"),
    )
    texts = (f"Worker {number} is slower than the others", FIX)
    return findings.of_loader(facts, cost, texts, lines, sets=LoaderSettings(even_workers=True))


def _fires() -> tuple[Facts, ...]:
    skewed = loader(3, per_worker_made_ns=(50e6, 52e6, 200e6))
    return (facts({Category.DATA_LOADING: 0.3}, loader=skewed),)


def _quiet() -> tuple[Facts, ...]:
    skewed = loader(3, per_worker_made_ns=(50e6, 52e6, 200e6))
    return (
        facts({Category.DATA_LOADING: 0.3}, loader=loader(3)),
        facts({Category.DATA_LOADING: 0.02}, loader=skewed),
    )


RULE = SpecificRule(
    name="straggling-worker",
    check=check,
    requires=("loader",),
    fires=_fires,
    quiet=_quiet,
    supersedes=(*GENERAL_LOADING, "slow-storage-read", "head-of-line-blocking"),
)
