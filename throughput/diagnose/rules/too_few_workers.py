"""Finds a loader whose workers are all busy while CPUs are idle."""

from __future__ import annotations

import math

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts, loader, lock
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, LoaderSettings, Rule

BUSY = 0.9
"""Workers that rest a tenth of the time keep up on average; then their number is not the limit."""
IDLE_CPUS = 0.75
"""A further worker needs most of a CPU."""
WAITS_FOR_LOCKS = 0.5
"""Where half of the loading time is waiting for a lock, more workers only make the queue for it longer."""


def check(facts: Facts) -> Finding | None:
    """See the step wait for batches while every worker is busy and CPUs are idle.

    Why it costs: the workers together make fewer batches a second than the model could use.
    How to fix: raise num_workers to the number named here, which is what the model's speed needs.
    When it is wrong: the workers wait for one lock, the disk or the network: then more of them change
    nothing. Rules for those come first.
    Sources: DS-Analyzer (VLDB'21); Plumber (MLSys'22); torch.utils.data documentation.
    """
    summary, idle = facts.attribution.loader, reading.idle_cpus(facts)
    if summary is None or summary.num_workers < 1 or (summary.busy_share or 0) < BUSY:
        return None
    share, mean = reading.share(facts, Category.DATA_LOADING), reading.mean_step_ns(facts)
    if idle is None or idle < IDLE_CPUS or not costs.generic(facts) <= share < 1:
        return None
    locked = sum(one.through_waker_ns_per_step for one in facts.attribution.locks)
    if locked > WAITS_FOR_LOCKS * share * mean:
        return None
    now = summary.num_workers
    count = min(now + max(1, round(idle)), math.ceil(now / (1 - share)))
    hidden = min(share, 1 - now / count)  # the step shrinks as the workers grow, down to the model's own time
    cost = costs.of_category(facts, Category.DATA_LOADING, hidden / share)
    lines = (
        evidence.workers(summary),
        evidence.category(facts, Category.DATA_LOADING, "waiting for batches takes"),
        evidence.idle(facts),
        evidence.batch(summary),
    )
    fix = f"Raise the number of workers from {now} to {count}: DataLoader(..., num_workers={count})"
    assumes = f"{count} workers each make batches as fast as {now} do now, on CPUs that are idle"
    sets = LoaderSettings(num_workers=count)
    return findings.of_loader(facts, cost, ("Too few workers make batches", fix), lines, assumes, sets)


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.DATA_LOADING: 0.4}, loader=loader(1), counters={"tree_cpus": 1.7}),)


def _quiet() -> tuple[Facts, ...]:
    slow, free = {Category.DATA_LOADING: 0.4}, {"tree_cpus": 1.7}
    locked = (lock(through_waker_ns_per_step=30e6),)
    return (
        facts(slow, loader=loader(2, busy_share=0.6), counters=free),
        facts(slow, loader=loader(2), counters={"tree_cpus": 3.9}),
        facts(slow, loader=loader(2), counters=free, locks=locked),
        facts({Category.DATA_LOADING: 0.04}, loader=loader(2), counters=free),
    )


RULE = Rule(name="too-few-workers", check=check, requires=("light", "host"), fires=_fires, quiet=_quiet)
