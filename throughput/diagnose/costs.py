"""Turn what was attributed into a cause's cost of a step, and that into a bound on the gain.

Every function that returns a cost returns None where a finding would not be worth reading.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from throughput.diagnose import reading
from throughput.model.attribution import Hotspot
from throughput.model.category import Category
from throughput.model.finding import Facts, Prediction

LEAST_SHARE = 0.03
"""Nobody would feel a fix of less; XProf too calls causes other than input "moderate" from 3 %."""
LEAST_LOW = 0.01
"""An interval that reaches below 1 % is the noise that a second run of the same script shows."""
GENERIC_SHARE = 0.10
"""Of work that only is slow, with no sign that it could be avoided: between XProf's 5 % (no bottleneck) and
20 % (a high one), so that the ordinary cost of a sound script is no finding. It is of the step without its
waits for a CPU: on a crowded machine the same code takes a smaller share of a longer step."""
MOST_SHARE = 0.99
"""No fix makes a step take no time: bounds stop at 100x."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a cause takes of the mean step; `share`, `low` and `high` are 0..1."""

    ns: float
    share: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half the interval's width, for as many digits as it allows."""
        return max(0.0, (self.high - self.low) / 2)


def worth(cost: Cost, least: float = LEAST_SHARE) -> Cost | None:
    """Return the cost, None where it is too small or too uncertain to be a finding."""
    numbers = (cost.ns, cost.share, cost.low, cost.high)
    if not all(math.isfinite(value) for value in numbers) or cost.share < least or cost.low <= LEAST_LOW:
        return None
    return cost


def together(*parts: Cost | None, least: float = LEAST_SHARE) -> Cost | None:
    """Return the cost of independent parts; their errors add as squares."""
    known = [part for part in parts if part is not None]
    share = sum(part.share for part in known)
    below = math.sqrt(sum((part.share - part.low) ** 2 for part in known))
    above = math.sqrt(sum((part.high - part.share) ** 2 for part in known))
    ns = sum(part.ns for part in known)
    return worth(Cost(ns=ns, share=share, low=share - below, high=share + above), least)


def generic(facts: Facts) -> float:
    """Return the share of the step from which work that only is slow is worth a finding."""
    return max(LEAST_SHARE, GENERIC_SHARE * _own_time(facts))


def of_places(places: Sequence[Hotspot], least: float = LEAST_SHARE) -> Cost | None:
    """Return the cost of places together."""
    return together(
        *(Cost(ns=p.ns_per_step, share=p.share, low=p.low, high=p.high) for p in places), least=least
    )


def of_category(
    facts: Facts, category: Category, part: float = 1.0, least: float = LEAST_SHARE
) -> Cost | None:
    """Return the cost of a part (0..1) of a category's time; None also where it was not measured."""
    cost = part_of(facts, category, part)
    return None if cost is None else worth(cost, least)


def part_of(facts: Facts, category: Category, part: float = 1.0) -> Cost | None:
    """Return what a part of a category takes, however little: to be added to other costs."""
    row = reading.row(facts, category)
    if row is None or row.share is None:
        return None
    low, high = (row.share if end is None else end for end in (row.low, row.high))
    ns = row.share * reading.mean_step_ns(facts) if row.ns_per_step is None else row.ns_per_step
    part = min(1.0, max(0.0, part))
    return Cost(ns=ns * part, share=row.share * part, low=low * part, high=high * part)


def of_time(facts: Facts, ns: float, like: Category) -> Cost | None:
    """Return the cost of `ns` a step, as certain as the category that this time was counted in."""
    mean = reading.mean_step_ns(facts)
    if mean <= 0:
        return None
    row = reading.row(facts, like)
    low = high = 1.0
    if row is not None and row.share and row.low is not None and row.high is not None:
        low, high = row.low / row.share, row.high / row.share
    share = ns / mean
    return worth(Cost(ns=ns, share=share, low=share * low, high=share * high))


def of_events(facts: Facts, durations_ns: Sequence[int]) -> Cost | None:
    """Return the cost of pauses that come again and again, spread over the clean steps.

    Where a regular beat meets a window, the number of beats is right to within one: that is the interval.
    """
    total = sum(step.duration_ns for step in reading.clean_steps(facts))
    if not durations_ns or total <= 0:
        return None
    share = min(1.0, sum(durations_ns) / total)
    one = share / len(durations_ns)
    mean = reading.mean_step_ns(facts)
    return worth(Cost(ns=share * mean, share=share, low=share - one, high=min(1.0, share + one)))


def of_samples(facts: Facts, part: reading.SampledPart, least: float = LEAST_SHARE) -> Cost | None:
    """Return the cost of what a part of the training thread's samples shows.

    Samples see wall time: the waits for a CPU among it are `cpu_starved`, and not counted here again. The
    95 % interval is the binomial's normal form, sqrt(p (1 - p) / n).
    """
    if part.count <= 0:
        return None
    half = 1.96 * math.sqrt(max(0.0, part.share * (1 - part.share)) / part.count)
    own, mean = _own_time(facts), reading.mean_step_ns(facts)
    share, half = part.share * own, half * own
    cost = Cost(ns=share * mean, share=share, low=share - half, high=min(1.0, share + half))
    return worth(cost, least)


def _own_time(facts: Facts) -> float:
    """Return the share of the step in which the training thread had a CPU or didn't want one."""
    return max(0.0, 1 - reading.share(facts, Category.CPU_STARVED))


def bound(share: float, high: float, assumes: str = "") -> Prediction:
    """Return the most that a fix can buy: it removes all of the cost, and nothing else becomes the limit."""
    share = min(MOST_SHARE, max(0.0, share))
    high = min(MOST_SHARE, max(share, high))
    assumes = assumes or "the fix removes all of this cost and nothing else becomes the limit"
    return Prediction(speedup=1 / (1 - share), low=1.0, high=1 / (1 - high), basis="bound", assumes=assumes)


def bound_of(cost: Cost, assumes: str = "") -> Prediction:
    """Return the most that removing this cost can buy."""
    return bound(cost.share, cost.high, assumes)
