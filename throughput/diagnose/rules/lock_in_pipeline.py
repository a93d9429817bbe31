"""Finds a lock that those who make batches wait for."""

from __future__ import annotations

from throughput.diagnose import costs, evidence, locking
from throughput.diagnose.examples import facts, loader, loading, lock
from throughput.diagnose.ranking import ANY_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Shorten what is done under {name}: do the slow part before taking it, only publish the result "
    "under it, or give each thread its own copy, so that no lock is needed:\n"
    "    result = compute(item)        # outside\n"
    "    with lock:\n"
    "        shared[key] = result      # inside: only this"
)


def check(facts: Facts) -> Finding | None:
    """See the step wait for a batch whose maker waits for a lock.

    Why it costs: while one thread holds the lock, all others that make batches stand still; adding
    workers or threads only adds waiters.
    How to fix: hold the lock only to publish the result; split it; or give each thread its own state.
    When it is wrong: what the lock guards can be done by one at a time only (a device, a file).
    Sources: wPerf (OSDI'18); Python's threading documentation.
    """
    summary = locking.costliest(facts, "thread", in_pipeline=True)
    if summary is None:
        return None
    cost = costs.of_time(facts, locking.cost_ns(summary), Category.LOCK_CONTENTION)
    if cost is None:
        return None
    return Finding(
        rule="",
        title=f"The data pipeline waits for a lock: {summary.places.name}",
        category=Category.LOCK_CONTENTION,
        where=locking.where(facts, summary),
        evidence=(
            evidence.lock(summary),
            f"batches came later by {evidence.time_of(cost)} because of it",
            *locking.people(summary),
        ),
        fix=FIX.format(name=summary.places.name),
        saves_ns_per_step=cost.ns,
        prediction=costs.bound_of(cost),
    )


def _fires() -> tuple[Facts, ...]:
    split = {Category.LOCK_CONTENTION: 0.3, Category.DATA_LOADING: 0.3}
    work = loading("Cache.get", 0.3, "cache.py:20")
    return (facts(split, (work,), locks=(lock(through_waker_ns_per_step=30e6),), loader=loader(2)),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.LOCK_CONTENTION: 0.3}, locks=(lock(training_ns_per_step=30e6),)),
        facts(locks=(lock(idle_ns_per_step=90e6),)),
        facts(locks=(lock(through_waker_ns_per_step=1e6),)),
        facts(locks=(lock(kind="GIL", through_waker_ns_per_step=30e6),)),
    )


RULE = SpecificRule(
    name="lock-in-pipeline",
    check=check,
    requires=("locks",),
    supersedes=ANY_LOADING,
    fires=_fires,
    quiet=_quiet,
)
