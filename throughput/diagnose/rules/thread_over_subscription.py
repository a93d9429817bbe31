"""Finds more computing threads than CPUs."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts, loader
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

MANY = 8
"""Threads of one worker: its own are fewer; with a pool of OpenCV, numba or BLAS they are more."""
FIX = (
    "Set one thread for each worker and as many as there are CPUs for training:\n"
    "    torch.set_num_threads(cpus)                          # in the script\n"
    "    cv2.setNumThreads(0); numba.set_num_threads(1)       # in worker_init_fn\n"
    "or OMP_NUM_THREADS=1 for all of them."
)


def check(facts: Facts) -> Finding | None:
    """See the training thread wait for a CPU while torch or libraries run more threads than there are CPUs.

    Why it costs: an operator ends when its last thread ends, and that one waits for a CPU; OpenMP threads
    even spin while they wait.
    How to fix: threads of all processes together no more than CPUs.
    When it is wrong: other jobs on the machine take the CPUs, and these threads mostly sleep.
    Sources: PyTorch's documentation on CPU threading; torch/utils/data/_utils/worker.py (one thread a
    worker).
    """
    cpus, threads = reading.usable_cpus(facts), reading.computing_threads(facts)
    if cpus is None:
        return None
    pools = _threads_per_worker(facts)
    too_many = threads is not None and threads > cpus
    if not too_many and not (pools is not None and pools > max(MANY, cpus)):
        return None
    cost = costs.of_category(facts, Category.CPU_STARVED, 1.0 - reading.others_part(facts))
    lines = [
        f"torch uses {units.count(threads)} threads on {units.count(cpus)} CPUs",
        evidence.category(facts, Category.CPU_STARVED, "the training thread waits for a CPU"),
    ]
    if pools is not None:
        lines.append(f"a worker has {units.count(round(pools, 1))} threads")
    title = "More threads compute than there are CPUs"
    return findings.of_cost(cost, (Category.CPU_STARVED, None), (title, FIX), lines)


def _threads_per_worker(facts: Facts) -> float | None:
    pids = {track.pid for track in facts.timeline.tracks if track.role == "worker"}
    found = [c for c in facts.timeline.counters if c.name == "threads" and c.pid in pids and len(c.value)]
    return max((float(c.value.mean()) for c in found), default=None)


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.CPU_STARVED: 0.2}, facts={"num_threads": 16}),)


def _quiet() -> tuple[Facts, ...]:
    starved = {Category.CPU_STARVED: 0.2}
    return (
        facts(starved, facts={"num_threads": 4}, loader=loader(4)),
        facts({Category.CPU_STARVED: 0.01}, facts={"num_threads": 16}),
        facts(starved, facts={"num_threads": 16}, environment={"cpus": None}),
    )


RULE = Rule(
    name="thread-over-subscription",
    check=check,
    requires=("light",),
    fires=_fires,
    quiet=_quiet,
)
