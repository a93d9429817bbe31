"""Finds other jobs on the machine that take the training's CPUs."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

OTHERS_CPUS = 0.75
"""More than the machine's own services and this profiler, which is not below the script, take together."""
STEAL = 0.05
"""What a hypervisor takes from a virtual machine; a share of a few percent is ordinary."""
FIX = (
    "Run alone: stop the other jobs, reserve CPUs for this one (taskset, cgroups, a scheduler's "
    "exclusive node), or measure again at another time. Until then treat this run's figures as those of "
    "a shared machine."
)


def check(facts: Facts) -> Finding | None:
    """See the training thread wait for a CPU while processes that are not part of this run use the CPUs.

    Why it costs: a thread that is ready to run stands in the run queue; on a shared machine that is
    nobody's code and no change to the script helps.
    How to fix: CPUs of its own for the training, or a quiet machine.
    When it is wrong: the other processes belong to this training but are not below it (a service it
    started).
    Sources: Linux' schedstat and /proc/stat (steal); wall = cpu + run queue + blocked of each thread.
    """
    steal = reading.counter(facts, "steal_share")
    usage = reading.cpu_usage(facts)
    if (usage is None or usage[0] < OTHERS_CPUS) and (steal or 0) < STEAL:
        return None
    # With the run's own threads queueing too, others cause the part that they take of the CPUs.
    part = usage[0] / sum(usage) if usage is not None and sum(usage) > 0 and not steal else 1.0
    cost = costs.of_category(facts, Category.CPU_STARVED, part)
    lines = [evidence.category(facts, Category.CPU_STARVED, "the training thread waits for a CPU")]
    if usage is not None:
        others, ours = (units.count(round(cpus, 1)) for cpus in usage)
        lines.append(f"others use {others} CPUs, this run {ours}")
    if steal:
        lines.append(f"the hypervisor took {units.percent(steal)} of the machine's CPU time")
    title = "Other jobs on this machine take CPUs"
    return findings.of_cost(cost, (Category.CPU_STARVED, None), (title, FIX), lines)


def _fires() -> tuple[Facts, ...]:
    starved = {Category.CPU_STARVED: 0.2}
    return (
        facts(starved, counters={"machine_cpu_share": 1.0, "tree_cpus": 1.5}),
        facts(starved, counters={"steal_share": 0.2}),
    )


def _quiet() -> tuple[Facts, ...]:
    starved = {Category.CPU_STARVED: 0.2}
    return (
        facts(starved, counters={"machine_cpu_share": 1.0, "tree_cpus": 3.9}),
        facts(counters={"machine_cpu_share": 1.0, "tree_cpus": 1.5}),
        facts(starved),
    )


RULE = Rule(name="other-jobs", check=check, requires=("light", "host"), fires=_fires, quiet=_quiet)
