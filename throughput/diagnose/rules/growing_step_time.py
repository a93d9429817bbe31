"""Finds steps that get slower as the run goes on."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import evidence, findings, reading, trends
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Stop redoing work over all past steps: keep running sums instead of lists, and detach what is kept\n"
    "    total += loss.detach(); count += 1          # not: losses.append(loss); np.mean(losses)"
)


def check(facts: Facts) -> Finding | None:
    """See steps get slower from the first to the last, and the line whose time grows.

    Why it costs: a metric over a list of all past values, a growing cache that is searched, or a graph
    kept alive makes every step dearer than the one before; over a day it dominates. The bound is for this
    window.
    How to fix: running sums, bounded windows, detach() before keeping a loss.
    When it is wrong: inputs get longer by design (a curriculum), or the machine got busier meanwhile.
    Sources: PyTorch's FAQ ("don't accumulate history across your training loop").
    """
    growth = trends.step_growth(facts)
    if growth is None:
        return None
    grown = growth.last_ns - growth.first_ns
    lines = [
        f"a step took {units.duration(growth.first_ns)} at first",
        f"{units.plural(growth.steps, 'step')} later it took {units.duration(growth.last_ns)}",
        f"the mean step lost {evidence.time_of(growth.cost)} by that",
    ]
    where, category = None, Category.HOST_WORK
    found = trends.growing_place(facts)
    if found is not None and found[1] > grown / 3:  # of what the thirds differ by, two thirds of the growth
        where = found[0]
        lines.append(
            f"{where.function} ({where.file}:{where.line}) grew by {units.duration(found[1])} a step"
        )
        at = [p for p in reading.places(facts) if reading.own_place(facts, p) == where]
        category = findings.main_category(at) if at else category
    return findings.of_cost(growth.cost, (category, where), ("Steps get slower and slower", FIX), lines)


def _fires() -> tuple[Facts, ...]:
    return (facts(durations_ms=tuple(80 + 0.6 * n + 3 * (n % 5) for n in range(200))),)


def _quiet() -> tuple[Facts, ...]:
    noisy = tuple(100.0 + 37 * (n * 7919 % 11) / 11 for n in range(200))
    return (
        facts(),
        facts(durations_ms=(100.0,) * 60 + (160.0,) * 60),
        facts(durations_ms=noisy),
        facts(durations_ms=tuple(100 - 0.2 * n for n in range(200))),
        facts(durations_ms=tuple(80 + 2.0 * n for n in range(30))),
    )


RULE = SpecificRule(
    name="growing-step-time",
    check=check,
    requires=("light",),
    supersedes=("python-overhead",),
    fires=_fires,
    quiet=_quiet,
)
