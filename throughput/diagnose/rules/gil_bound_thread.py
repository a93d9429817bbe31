"""Finds a neighbour thread that keeps the GIL from the training thread."""

from __future__ import annotations

from throughput.diagnose import costs, evidence, locking
from throughput.diagnose.examples import facts, lock
from throughput.diagnose.ranking import ANY_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Move the thread's work to a process of its own (multiprocessing.Process, or DataLoader workers "
    "instead of threads), or to calls that release the GIL while they work (numpy and torch on large "
    "arrays, zlib, hashlib, file input and output)."
)


def check(facts: Facts) -> Finding | None:
    """See the training thread, or a thread it waits for, wait for the GIL.

    Why it costs: one thread at a time runs Python. A neighbour that computes in Python gives the GIL up
    only every 5 ms (sys.getswitchinterval), and each small operator of the training loop asks for it
    anew.
    How to fix: a process instead of a thread, or native code that lets go of the GIL; no more threads.
    When it is wrong: on a machine without a free CPU, waiting for the GIL and for a CPU look alike.
    Sources: SPDL's documentation on the GIL; PEP 703; py-spy issue 113.
    """
    summary = locking.costliest(facts, "gil", in_pipeline=None)
    if summary is None:
        return None
    cost = costs.of_time(facts, locking.cost_ns(summary), Category.LOCK_CONTENTION)
    if cost is None:
        return None
    holder = summary.holder or "another thread"
    return Finding(
        rule="",
        title=f"The GIL is kept by {holder} while the training thread needs it",
        category=Category.LOCK_CONTENTION,
        where=locking.where(facts, summary),
        evidence=(
            f"waiting for the GIL takes {evidence.time_of(cost)}",
            *locking.people(summary),
        ),
        fix=FIX,
        saves_ns_per_step=cost.ns,
        prediction=costs.bound_of(cost),
    )


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.LOCK_CONTENTION: 0.3}, locks=(lock("GIL", "GIL", training_ns_per_step=30e6),)),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.LOCK_CONTENTION: 0.3}, locks=(lock(training_ns_per_step=30e6),)),
        facts(locks=(lock("GIL", "GIL", idle_ns_per_step=60e6, training_ns_per_step=1e6),)),
    )


RULE = SpecificRule(
    name="gil-bound-thread",
    check=check,
    requires=("syscalls",),
    supersedes=(*ANY_LOADING, "python-overhead"),
    fires=_fires,
    quiet=_quiet,
)
