"""Tell what would change where fewer DataLoader workers share the CPUs with the training thread."""

from __future__ import annotations

import math

from throughput.diagnose import reading
from throughput.model.attribution import LoaderSummary
from throughput.model.category import Category
from throughput.model.finding import Facts


def less_crowded(facts: Facts, summary: LoaderSummary, count: int, cpus: float) -> float:
    """Return which part of the waits for a CPU can end with so few workers.

    They do the same work (of an iterable data set each may do all of it: then it isn't known). Where they and
    torch's threads still share CPUs, that work holds training up as before; only what was waited beyond it
    came from the crowd.
    """
    is_iterable = any(loader.iterable for loader in facts.timeline.loaders)
    if is_iterable or count + (reading.computing_threads(facts) or 1.0) <= cpus:
        return 1.0
    steps = len(reading.clean_steps(facts))
    starved_ns = reading.share(facts, Category.CPU_STARVED) * reading.mean_step_ns(facts)
    if not steps or not starved_ns:
        return 0.0
    work_ns = (summary.cpu_ns or 0.0) * summary.batches / steps
    return max(0.0, 1.0 - work_ns / starved_ns)


def keeping_up(facts: Facts, summary: LoaderSummary) -> int:
    """Return how many workers, each with a CPU when it wants one, make batches as fast as steps take them."""
    steps = len(reading.clean_steps(facts))
    step_ns = reading.mean_step_ns(facts) * steps
    made_ns = ((summary.cpu_ns or 0.0) + (summary.blocked_ns or 0.0)) * summary.batches
    return math.ceil(made_ns / step_ns) if step_ns else 1
