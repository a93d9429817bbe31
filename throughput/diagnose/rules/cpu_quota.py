"""Finds a container's CPU quota that stops the training."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

THROTTLED = 0.05
"""Share of the quota's periods in which it ran out; one in twenty is 5 ms of each 100 ms lost at most."""


def check(facts: Facts) -> Finding | None:
    """See the kernel stop the training because its container has used up its CPU quota.

    Why it costs: once the quota of a period (100 ms) is used up, all threads stand still until the next
    one, the training thread too. torch and the loader see all CPUs of the machine and start as many
    threads.
    How to fix: a larger quota, or threads and workers that fit into the one there is.
    When it is wrong: other processes of the same container use the quota up.
    Sources: Linux' cgroup v2 documentation (cpu.max, cpu.stat); Kubernetes' on CPU limits.
    """
    throttled = reading.counter(facts, "throttled_share")
    if throttled is None or throttled < THROTTLED:
        return None
    cost = costs.of_category(facts, Category.CPU_STARVED)
    quota = reading.number(facts.run.environment.get("cpu_quota"))
    limit = "" if quota is None else f" of {units.count(quota)} CPUs"
    lines = (
        f"the quota{limit} ran out in {units.percent(throttled)} of its periods",
        evidence.category(facts, Category.CPU_STARVED, "the training thread waits for a CPU"),
    )
    threads = "N" if quota is None else str(max(1, int(quota)))
    fix = (
        "Raise the container's CPU limit (docker run --cpus, resources.limits.cpu), or fit into it: "
        f"torch.set_num_threads({threads}) and fewer workers."
    )
    title = "The container's CPU quota stops the training"
    return findings.of_cost(cost, (Category.CPU_STARVED, None), (title, fix), lines)


def _fires() -> tuple[Facts, ...]:
    quota = {"cpu_quota": 2.0}
    return (facts({Category.CPU_STARVED: 0.3}, counters={"throttled_share": 0.6}, environment=quota),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.CPU_STARVED: 0.3}),
        facts({Category.CPU_STARVED: 0.3}, counters={"throttled_share": 0.0}),
        facts({Category.CPU_STARVED: 0.01}, counters={"throttled_share": 0.6}),
    )


RULE = SpecificRule(
    name="cpu-quota",
    check=check,
    requires=("light", "host"),
    fires=_fires,
    quiet=_quiet,
    supersedes=("other-jobs", "thread-over-subscription"),
)
