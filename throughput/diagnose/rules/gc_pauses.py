"""Finds steps that Python's garbage collector holds up."""

from __future__ import annotations

import re

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

ASKED_FOR = re.compile(r"\bgc\.collect\(")
"""A collection that the script itself asks for."""
FIX_ASKED = (
    "Remove gc.collect() from the training loop, or call it every 1,000 steps: Python collects by itself "
    "when it has to, and the memory of tensors is freed without it."
)
FIX = (
    "Take long-lived objects out of the collector's sight, and collect when it suits:\n"
    "    gc.collect(); gc.freeze()                 # once, after everything is set up\n"
    "    gc.disable()                              # then, every 1,000 steps: gc.collect()"
)


def check(facts: Facts) -> Finding | None:
    """See full garbage collections (generation 2) in the measured steps.

    Why it costs: a full collection visits every container object of the process: 100 ms for some
    millions, such as a data set kept in lists and dicts. No other Python runs meanwhile.
    How to fix: gc.freeze() after start-up, collections at chosen steps; arrays instead of lists of
    objects.
    When it is wrong: the script makes reference cycles that must be collected, or memory grows.
    Sources: Python's gc documentation (freeze); torchtitan, which collects every 1,000 steps.
    """
    steps = reading.clean_steps(facts)
    if not steps:
        return None
    start, end = steps[0].start_ns, steps[-1].end_ns
    pauses = [p for p in facts.timeline.pauses if p.kind == "gc2" and start <= p.start_ns and p.end_ns <= end]
    lengths = [max(0, pause.end_ns - pause.start_ns) for pause in pauses]
    cost = costs.of_events(facts, lengths)
    if cost is None:
        return None
    lines = (
        f"{units.plural(len(lengths), 'full collection')} within {units.plural(len(steps), 'step')}",
        f"the longest took {units.duration(max(lengths))}",
        f"that is {evidence.time_of(cost)}",
    )
    title = "Python's garbage collector holds up steps"
    where = reading.line_on_top(facts, ASKED_FOR)
    return findings.of_cost(cost, (Category.HOST_WORK, where), (title, FIX_ASKED if where else FIX), lines)


def _fires() -> tuple[Facts, ...]:
    often = tuple(("gc2", n * 500, n * 500 + 60) for n in range(20))
    asks = ("train.py main 9", "train.py tidy 30")
    own = {"train.py": {30: "    gc.collect()"}}
    return (facts(pauses=often), facts(pauses=often, stacks=((0.12, asks),), sources=own))


def _quiet() -> tuple[Facts, ...]:
    return (
        facts(),
        facts(pauses=(("gc2", 5000, 5900),)),
        facts(pauses=tuple(("gc2", n * 500, n * 500 + 2) for n in range(20))),
        facts(pauses=tuple(("gc2", 20_000 + n * 500, 20_060 + n * 500) for n in range(20))),
    )


RULE = SpecificRule(
    name="gc-pauses",
    check=check,
    requires=("light",),
    supersedes=("python-overhead",),
    fires=_fires,
    quiet=_quiet,
)
