"""Finds a lock that the training thread itself waits for."""

from __future__ import annotations

from throughput.diagnose import costs, evidence, locking
from throughput.diagnose.examples import facts, lock
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Hold {name} for less time: take a copy under it and do the slow part after letting it go:\n"
    "    with lock:\n"
    "        copy = dict(shared)       # inside: only this\n"
    "    write(copy)                   # outside\n"
    "or hand the data over through a queue.SimpleQueue, which needs no lock of yours."
)


def check(facts: Facts) -> Finding | None:
    """See the training thread wait for a lock that another thread holds.

    Why it costs: the step stands still until the holder lets go, often a thread that logs, publishes or
    saves while it holds the lock.
    How to fix: copy under the lock and work outside it; use a queue; take the lock every N steps.
    When it is wrong: the step needs what the holder makes, so that it would wait without a lock too.
    Sources: wPerf (OSDI'18); ddtrace's lock profiler documentation.
    """
    summary = locking.costliest(facts, "thread", in_pipeline=False)
    if summary is None:
        return None
    cost = costs.of_time(facts, locking.cost_ns(summary), Category.LOCK_CONTENTION)
    if cost is None:
        return None
    return Finding(
        rule="",
        title=f"The training thread waits for a lock: {summary.places.name}",
        category=Category.LOCK_CONTENTION,
        where=locking.where(facts, summary),
        evidence=(
            evidence.lock(summary),
            f"waiting for it takes {evidence.time_of(cost)}",
            *locking.people(summary),
        ),
        fix=FIX.format(name=summary.places.name),
        saves_ns_per_step=cost.ns,
        prediction=costs.bound_of(cost),
    )


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.LOCK_CONTENTION: 0.3}, locks=(lock(training_ns_per_step=30e6),)),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.LOCK_CONTENTION: 0.3}, locks=(lock(through_waker_ns_per_step=30e6),)),
        facts(locks=(lock(idle_ns_per_step=90e6),)),
        facts({Category.LOCK_CONTENTION: 0.3}, locks=(lock(kind="process lock", training_ns_per_step=3e7),)),
    )


RULE = SpecificRule(
    name="lock-in-training-thread",
    check=check,
    requires=("locks",),
    supersedes=("logging-in-loop", "python-overhead", "sleep-in-loop"),
    fires=_fires,
    quiet=_quiet,
)
