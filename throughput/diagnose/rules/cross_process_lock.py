"""Finds a lock that several processes share and that the step waits for."""

from __future__ import annotations

from throughput.diagnose import costs, evidence, findings, locking
from throughput.diagnose.examples import facts, loader, lock
from throughput.diagnose.ranking import ANY_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Give each worker its own copy or handle of what the lock guards: open files, SQLite and HDF5 "
    "read-only in each worker, split a shared cache by worker, and let nothing slow happen while a "
    "multiprocessing.Lock or a file lock is held."
)


def check(facts: Facts) -> Finding | None:
    """See the step wait because workers wait for a lock that processes share.

    Why it costs: with such a lock one worker at a time makes batches, however many there are.
    How to fix: no shared state between workers; read-only handles; lock only around the write.
    When it is wrong: the lock is the loader's own queue, which idle workers wait at.
    Sources: wPerf (OSDI'18); Python's multiprocessing documentation; SQLite's and HDF5's on locking.
    """
    summary = locking.costliest(facts, "process", in_pipeline=None)
    if summary is None:
        return None
    cost = costs.of_time(facts, locking.cost_ns(summary), Category.LOCK_CONTENTION)
    if cost is None:
        return None
    lines = (
        evidence.lock(summary),
        f"the step waits {evidence.time_of(cost)} for it",
        *locking.people(summary),
    )
    title = f"Processes wait for one another at a lock: {summary.places.name}"
    spot = (Category.LOCK_CONTENTION, locking.where(facts, summary))
    return findings.of_cost(cost, spot, (title, FIX), lines)


def _fires() -> tuple[Facts, ...]:
    split = {Category.LOCK_CONTENTION: 0.4}
    return (
        facts(split, locks=(lock(kind="process lock", through_waker_ns_per_step=40e6),), loader=loader(2)),
        facts(split, locks=(lock("cache.lock", "file lock", through_waker_ns_per_step=40e6),)),
    )


def _quiet() -> tuple[Facts, ...]:
    return (
        facts(locks=(lock(kind="process lock", idle_ns_per_step=80e6),)),
        facts({Category.LOCK_CONTENTION: 0.4}, locks=(lock(through_waker_ns_per_step=40e6),)),
    )


RULE = SpecificRule(
    name="cross-process-lock",
    check=check,
    requires=("syscalls",),
    supersedes=ANY_LOADING,
    fires=_fires,
    quiet=_quiet,
)
