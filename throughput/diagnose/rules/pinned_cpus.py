"""Finds a script that bound itself to a few of the CPUs that it may use."""

from __future__ import annotations

import re

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

BINDS = re.compile(r"sched_setaffinity\(|cpu_affinity\(|set_affinity\(|numa_bind")
FIX = (
    "Leave the affinity alone, or give the process as many CPUs as it has busy threads and workers: workers "
    "inherit it. On machines with several sockets bind to all CPUs of a socket, not to one."
)


def check(facts: Facts) -> Finding | None:
    """See the training process restricted to fewer CPUs than it was started on, and waiting for one.

    Why it costs: the training thread, its operators' threads and all workers that it starts take turns on
    the CPUs that are left, while others are idle.
    How to fix: don't call os.sched_setaffinity, or with enough CPUs.
    When it is wrong: the other CPUs are meant for another rank, and this one's share is too small.
    Sources: Linux' sched_setaffinity(2) (inherited by children); PyTorch's tuning guide (numactl).
    """
    bound, usable = reading.number(facts.timeline.facts.get("cpus")), reading.usable_cpus(facts)
    if bound is None or usable is None or bound >= usable:
        return None
    cost = costs.of_category(facts, Category.CPU_STARVED)
    lines = (
        f"the training process may run on {units.count(bound)} of {units.count(usable)} CPUs",
        evidence.category(facts, Category.CPU_STARVED, "the training thread waits for a CPU"),
    )
    title = f"The script is bound to {units.plural(int(bound), 'CPU')}"
    spot = (Category.CPU_STARVED, reading.place_of_text(facts, BINDS))
    return findings.of_cost(cost, spot, (title, FIX), lines)


def _fires() -> tuple[Facts, ...]:
    own = {"train.py": {10: "    os.sched_setaffinity(0, {0})"}}
    return (facts({Category.CPU_STARVED: 0.4}, facts={"cpus": 1}, sources=own),)


def _quiet() -> tuple[Facts, ...]:
    starved = {Category.CPU_STARVED: 0.4}
    return (
        facts(starved, facts={"cpus": 4}),
        facts(starved),
        facts({Category.CPU_STARVED: 0.01}, facts={"cpus": 1}),
    )


RULE = SpecificRule(
    name="pinned-cpus",
    check=check,
    requires=("light",),
    fires=_fires,
    quiet=_quiet,
    supersedes=("other-jobs", "thread-over-subscription", "too-many-workers", "prefetch-shallow"),
)
