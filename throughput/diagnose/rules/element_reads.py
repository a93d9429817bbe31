"""Finds Python loops that take single numbers out of tensors."""

from __future__ import annotations

import re

from throughput import units
from throughput.diagnose import costs, findings, reading
from throughput.diagnose.examples import facts, spot
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Operators

MANY = 64
"""Reads of single numbers a step: a loss, a learning rate and a few metrics are not a loop."""
READ = "aten::item"
READS = re.compile(r"\b(int|float|bool)\(|\.item\(|\bif\b")
CATEGORIES = (Category.COMPUTE, Category.HOST_WORK)
FIX = (
    "Use operators on whole tensors: torch.bincount, (a == b).sum(), index_add_, unique. Where a loop must "
    "stay, take all numbers out at once before it:\n"
    "    for wanted, given in zip(truth.tolist(), guess.tolist()):    # not: int(truth[i]), int(guess[i])"
)


def check(facts: Facts) -> Finding | None:
    """See the training loop read tensors number by number (`.item()`, int(t[i]), `if t[i] > 0`).

    Why it costs: each read is an indexing operator and a conversion: 1 to 5 us on a CPU, where a list's
    element takes 30 ns; on a GPU each also waits for the device.
    How to fix: an operator on the whole tensor, or .tolist() before the loop.
    When it is wrong: few numbers are read, and the line's time goes on something else in it.
    Sources: PyTorch's performance tuning guide; torch.Tensor.tolist documentation.
    """
    steps = reading.torch_steps(facts)
    # An optimizer that updates parameters one by one reads each one's step.
    theirs = sum(reading.number(row.get("params")) or 0 for row in reading.optimizers(facts))
    reads = facts.timeline.operators.inner_counts.get(READ, 0) - steps * theirs
    if not steps or reads < MANY * steps:
        return None
    work = reading.with_text(facts, reading.places(facts, *CATEGORIES, process=reading.TRAINING))
    found = [one.place for one in work if one.is_own and READS.search(one.text)]
    more = (f"single numbers are read from tensors {units.count(round(reads / steps))} times a step",)
    title = "Tensors are read number by number"
    return findings.at_places(facts, found, (title, FIX), costs.generic(facts), more)


def _facts(reads: int, line: str) -> Facts:
    return facts(
        places=(spot("count_tags", 0.4, "train.py:10", category=Category.COMPUTE),),
        sources={"train.py": {10: line}},
        operators=Operators(inner_counts={READ: reads * 10}),
        torch_steps=10,
    )


def _fires() -> tuple[Facts, ...]:
    return (_facts(1000, "    table[int(wanted[i]), int(given[i])] += 1"),)


def _quiet() -> tuple[Facts, ...]:
    return (
        _facts(3, "    total += float(loss)"),
        _facts(1000, "    total = total + step"),
    )


RULE = SpecificRule(
    name="element-reads",
    check=check,
    requires=("stacks", "torch"),
    fires=_fires,
    quiet=_quiet,
    supersedes=("python-overhead",),
)
