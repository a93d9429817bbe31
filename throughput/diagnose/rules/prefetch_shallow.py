"""Finds batches of uneven cost behind a queue too short to even them out."""

from __future__ import annotations

import numpy as np

from throughput import units
from throughput.diagnose import evidence, findings, lateness
from throughput.diagnose.examples import batches, facts, loader
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, LoaderSettings, Rule

RESTING = 0.85
"""Workers that rest more than a seventh of the time are fast enough on average."""
UNEVEN = 0.5
"""Standard deviation over mean of a batch's making: a queue of two absorbs less than that."""
LEAST_BATCHES = 20
"""A standard deviation of fewer is itself uncertain by more than a sixth."""


def check(facts: Facts) -> Finding | None:
    """See the step wait for batches although the workers are fast enough on average.

    Why it costs: some batches take far longer than others, and the queue empties before they are done.
    How to fix: a longer queue (prefetch_factor=8), or samples of more even cost in a batch.
    When it is wrong: memory doesn't allow more batches in flight; or waits come at epoch starts only.
    Sources: Lotus (IISWC'24); torch.utils.data documentation (prefetch_factor).
    """
    summary, late = facts.attribution.loader, lateness.read_lateness(facts)
    if (
        summary is None
        or summary.num_workers < 1
        or not 0 < (summary.busy_share or 0) < RESTING
        or late is None
    ):
        return None
    all_ = facts.timeline.batches
    made = (all_.made_ns - all_.begun_ns)[(all_.begun_ns >= 0) & (all_.made_ns > all_.begun_ns)].astype(
        np.float64
    )
    if len(made) < LEAST_BATCHES or float(made.std()) < UNEVEN * float(made.mean()):
        return None
    cost = lateness.of_making(facts)
    low, high = np.percentile(made, (5, 95))
    lines = (
        evidence.workers(summary),
        f"one batch in 20 takes under {units.duration(float(low))} to make",
        f"one batch in 20 takes over {units.duration(float(high))} to make",
        f"late batches take {units.percent(late.late_ns / late.total_ns)} of the steps' time",
    )
    deep = max(8, 4 * (summary.prefetch_factor or 2))
    fix = f"Give the queue more room for uneven batches: DataLoader(..., prefetch_factor={deep})"
    texts = ("Uneven batches empty the loader's queue", fix)
    return findings.of_loader(facts, cost, texts, lines, sets=LoaderSettings(prefetch_factor=deep))


def _fires() -> tuple[Facts, ...]:
    rest = loader(2, busy_share=0.5)
    return (facts({Category.DATA_LOADING: 0.2}, loader=rest, batches=batches(20, 400)),)


def _quiet() -> tuple[Facts, ...]:
    slow, rest = {Category.DATA_LOADING: 0.2}, loader(2, busy_share=0.5)
    return (
        facts(slow, loader=rest, batches=batches(20, 0)),
        facts(slow, loader=loader(2), batches=batches(20, 400)),
        facts(slow, loader=rest),
    )


RULE = Rule(name="prefetch-shallow", check=check, requires=("loader",), fires=_fires, quiet=_quiet)
