"""Tell how long the training thread waited for batches that were not ready, and whether others were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from throughput.diagnose import costs, reading
from throughput.diagnose.costs import Cost
from throughput.model.category import Category
from throughput.model.finding import Facts

ERRORS = 3.0
"""Standard errors: where batches differ much, some worker always seems to be the slow one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Totals over the clean steps; the rest of the waits is fetching batches that were ready."""

    late_ns: float
    """From asking for a batch until it was made."""
    ordered_ns: float
    """The part of it in which a later batch was made already."""
    total_ns: float
    """Of the clean steps."""


def read_lateness(facts: Facts) -> Lateness | None:
    """Return how late batches were; None where their making was not seen."""
    steps, batches = reading.clean_steps(facts), facts.timeline.batches
    made, wanted = batches.made_ns, batches.wanted_ns
    if (
        not steps
        or not len(made)
        or not len(made) == len(wanted) == len(batches.index) == len(batches.loader)
    ):
        return None
    seen = (made > 0) & (wanted >= steps[0].start_ns) & (wanted < steps[-1].end_ns)
    late = ordered = 0.0
    for loader in np.unique(batches.loader[seen]).tolist():
        mine = np.flatnonzero(seen & (batches.loader == loader))
        mine = mine[np.argsort(batches.index[mine], kind="stable")]
        done, asked = made[mine], wanted[mine]
        # The earliest of all batches that come after this one.
        after = np.append(np.minimum.accumulate(done[::-1])[::-1][1:], np.iinfo(np.int64).max)
        late += float(np.maximum(done - asked, 0).sum())
        ordered += float(np.maximum(done - np.maximum(asked, np.minimum(after, done)), 0).sum())
    total = float(sum(step.duration_ns for step in steps))
    return None if total <= 0 else Lateness(late_ns=late, ordered_ns=ordered, total_ns=total)


def of_making(facts: Facts, part: float = 1.0, least: float = costs.LEAST_SHARE) -> Cost | None:
    """Return the cost of a part (0..1) of making batches: of the waits for late ones, where they were seen.

    What workers make while nobody waits costs the step nothing. In the training process all of it
    is waited for.
    """
    found = read_lateness(facts)
    if found is None:
        return costs.of_category(facts, Category.DATA_LOADING, part, least)
    return cost(facts, found.late_ns * part, found.total_ns, least)


def cost(facts: Facts, ns: float, total_ns: float, least: float = costs.LEAST_SHARE) -> Cost | None:
    """Return the cost of a part of these waits: no more than data loading takes in all."""
    row = reading.row(facts, Category.DATA_LOADING)
    if row is None or not row.share:
        return None
    return costs.of_category(facts, Category.DATA_LOADING, ns / total_ns / row.share, least)


def is_beyond_chance(facts: Facts, number: int) -> bool:
    """Return whether the worker's batches differ from the others' by more than batches differ anyway.

    True also where only the means are known.
    """
    batches = facts.timeline.batches
    if not len(batches.begun_ns) == len(batches.made_ns) == len(batches.worker):
        return True
    seen = (batches.begun_ns >= 0) & (batches.made_ns > batches.begun_ns) & (batches.worker >= 0)
    made = (batches.made_ns - batches.begun_ns).astype(np.float64)
    mine, others = made[seen & (batches.worker == number)], made[seen & (batches.worker != number)]
    if len(mine) < 2 or len(others) < 2:
        return True
    error = np.sqrt(mine.var() / len(mine) + others.var() / len(others))
    return bool(mine.mean() - others.mean() > ERRORS * error)
