"""Finds a place in the training loop's Python that takes a large part of the step."""

from __future__ import annotations

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts, spot
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

FIX = (
    "Move this out of the loop, or do it every N steps; work on whole tensors instead of single numbers. "
    "Where it is the model's own Python, torch.compile(model) removes most of it."
)


def check(facts: Facts) -> Finding | None:
    """See one place of the training loop's own Python take a tenth of the step or more.

    Why it costs: while Python runs on the training thread, no operator does on a CPU, and a GPU runs dry.
    How to fix: out of the loop, less often, vectorized, or compiled.
    When it is wrong: it is the work that the step is for, such as an environment's simulation.
    Sources: XProf's cut for host overhead (3 and 15 %); PyTorch's performance tuning guide.
    """
    work = reading.places(facts, Category.HOST_WORK, process=reading.TRAINING)[:1]
    if not work:
        return None
    title = f"{work[0].name} takes a large part of the training loop"
    line = evidence.category(facts, Category.HOST_WORK, "Python of the training loop takes in all")
    return findings.at_places(facts, work, (title, FIX), costs.generic(facts), (line,))


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.HOST_WORK: 0.3}, (spot("update_statistics", 0.25, "train.py:44"),)),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.HOST_WORK: 0.08}, (spot("train", 0.08),)),
        facts({Category.COMPUTE: 0.9}, (spot("model", 0.9, category=Category.COMPUTE),)),
    )


RULE = Rule(name="python-overhead", check=check, requires=("stacks",), fires=_fires, quiet=_quiet)
