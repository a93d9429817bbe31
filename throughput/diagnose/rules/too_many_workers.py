"""Finds more workers than CPUs."""

from __future__ import annotations

from dataclasses import replace

from throughput import units
from throughput.diagnose import costs, crowding, evidence, findings, lateness, reading
from throughput.diagnose.examples import facts, loader
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, LoaderSettings


def check(facts: Facts) -> Finding | None:
    """See more DataLoader workers than CPUs, and time lost in waiting for a CPU.

    Why it costs: workers and the training thread take the CPUs from one another; each switch empties
    caches, and the training thread waits in the run queue like everybody else.
    How to fix: one worker for each CPU, less one for the training thread; more where those couldn't keep up.
    When it is wrong: the workers mostly wait for storage, so that many of them hardly use a CPU.
    Sources: torch/utils/data/dataloader.py (its warning on too many workers); PyTorch's tuning guide.
    """
    summary, cpus = facts.attribution.loader, reading.usable_cpus(facts)
    if summary is None or cpus is None or summary.num_workers <= cpus:
        return None
    count = max(1, int(cpus) - 1, crowding.keeping_up(facts, summary))
    if count >= summary.num_workers:
        return None
    queued = summary.runq_ns / summary.made_ns if summary.runq_ns is not None and summary.made_ns else 0.0
    part = crowding.less_crowded(facts, summary, count, cpus) * (1.0 - reading.others_part(facts))
    starved = costs.part_of(facts, Category.CPU_STARVED, part)
    late = lateness.of_making(facts, min(1.0, queued), least=0.0)
    cost = costs.together(starved, late)
    lines = [
        f"{units.plural(summary.num_workers, 'worker')} share {units.count(cpus)} CPUs",
        evidence.category(facts, Category.CPU_STARVED, "the training thread waits for a CPU"),
        evidence.batch(summary),
    ]
    fix = f"Lower the workers from {summary.num_workers} to {count}: DataLoader(..., num_workers={count})"
    sets = LoaderSettings(num_workers=count)
    found = findings.of_loader(facts, cost, ("More workers than CPUs", fix), lines, sets=sets)
    is_starved = starved is not None and (late is None or starved.ns >= late.ns)
    return replace(found, category=Category.CPU_STARVED) if found is not None and is_starved else found


def _fires() -> tuple[Facts, ...]:
    split = {Category.CPU_STARVED: 0.12, Category.DATA_LOADING: 0.2}
    return (
        facts(split, loader=loader(16, runq_ns=70e6, cpu_ns=28e6)),
        facts(split, loader=loader(16, runq_ns=70e6, cpu_ns=1e6), facts={"num_threads": 8}),
    )


def _quiet() -> tuple[Facts, ...]:
    split = {Category.CPU_STARVED: 0.12, Category.DATA_LOADING: 0.2}
    return (
        facts(split, loader=loader(4, runq_ns=70e6)),
        facts({Category.DATA_LOADING: 0.2}, loader=loader(16, runq_ns=1e6)),
        facts({Category.CPU_STARVED: 0.12}, loader=loader(16, cpu_ns=28e6), facts={"num_threads": 8}),
        facts(split, loader=loader(5, runq_ns=70e6, cpu_ns=450e6)),
        facts(split, loader=loader(16, runq_ns=70e6), environment={"cpus": None}),
    )


RULE = SpecificRule(
    name="too-many-workers",
    check=check,
    requires=("loader",),
    fires=_fires,
    quiet=_quiet,
    supersedes=("thread-over-subscription", "prefetch-shallow"),
)
