"""Finds loading on the training thread while CPUs are idle."""

from __future__ import annotations

import math

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts, loader, settings
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, LoaderSettings, Rule

IDLE_CPUS = 0.75
"""A worker needs a CPU; where less than most of one is free it would take the training thread's."""


def check(facts: Facts) -> Finding | None:
    """See batches made on the training thread (num_workers=0) although a CPU has nothing to do.

    Why it costs: with no workers the model waits while a batch is made, and the loader while the model
    computes. Workers do both at once.
    How to fix: DataLoader(..., num_workers=N, persistent_workers=True), N such that N batches are made in
    the time of N steps.
    When it is wrong: a batch is large and cheap to make, so that sending it between processes costs more;
    or the data set can't be pickled or forked.
    Sources: torch/profiler/_pattern_matcher.py (SyncDataloader); PyTorch's performance tuning guide.
    """
    summary, idle = facts.attribution.loader, reading.idle_cpus(facts)
    if summary is None or summary.num_workers != 0 or idle is None or idle < IDLE_CPUS:
        return None
    share, row = reading.share(facts, Category.DATA_LOADING), reading.row(facts, Category.DATA_LOADING)
    surely = share if row is None or row.low is None else row.low
    if share >= 1 or surely < costs.generic(facts):
        return None
    count = min(max(1, round(idle)), math.ceil(share / (1 - share)))
    hidden = share - max(0.0, share / count - (1 - share))  # what the workers can't keep up with stays
    cost = costs.of_category(facts, Category.DATA_LOADING, hidden / share, costs.generic(facts))
    lines = (
        evidence.category(facts, Category.DATA_LOADING, "loading takes"),
        "the loader has no workers (num_workers=0)",
        evidence.idle(facts),
        evidence.batch(summary),
    )
    fix = f"Make batches beside the model: DataLoader(..., num_workers={count}, persistent_workers=True)"
    assumes = f"{count} workers run on CPUs that are idle now, and sending a batch costs 2 ms at most"
    texts = ("Batches are made on the training thread while CPUs are idle", fix)
    return findings.of_loader(facts, cost, texts, lines, assumes, LoaderSettings(num_workers=count))


def _fires() -> tuple[Facts, ...]:
    slow = {Category.DATA_LOADING: 0.5}
    return (facts(slow, loader=loader(0), loaders=(settings(0),), counters={"tree_cpus": 1.0}),)


def _quiet() -> tuple[Facts, ...]:
    slow, free = {Category.DATA_LOADING: 0.5}, {"tree_cpus": 1.0}
    return (
        facts(slow, loader=loader(2), counters=free),
        facts(slow, loader=loader(0), counters={"tree_cpus": 3.6}),
        facts(slow, loader=loader(0), counters=free | {"machine_cpu_share": 0.98}),
        facts({Category.DATA_LOADING: 0.05}, loader=loader(0), counters=free),
        facts(slow, loader=loader(0)),
    )


RULE = Rule(name="no-workers", check=check, requires=("light", "host"), fires=_fires, quiet=_quiet)
