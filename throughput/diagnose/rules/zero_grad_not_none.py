"""Finds gradients that are filled with zeros instead of dropped."""

from __future__ import annotations

import re

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts, spot
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

ZEROES = re.compile(r"zero_grad|\.grad\.(data\.)?zero_\(|\.grad\.(data\.)?fill_\(0")
FIX = (
    "Drop gradients instead of zeroing them: optimizer.zero_grad(set_to_none=True), which is torch's default"
)


def check(facts: Facts) -> Finding | None:
    """See zero_grad(set_to_none=False), or a loop over .grad.zero_(), take step time.

    Why it costs: all gradients are written once, and backward then adds to them instead of writing them.
    How to fix: zero_grad() as torch has it by default since 2.0.
    When it is wrong: code relies on .grad being a tensor of zeros.
    Sources: PyTorch's performance tuning guide; torch/profiler/_pattern_matcher.py.
    """
    work = reading.places(facts, process=reading.TRAINING)
    found = reading.matching(facts, work, ZEROES)
    inner = facts.timeline.operators.inner_counts
    steps = sum(step.block.value == "torch" for step in facts.timeline.steps)
    counted = steps and inner.get("aten::zero_")
    more = (
        (f"aten::zero_ is called {units.count(inner['aten::zero_'] / steps)} times a step",)
        if counted
        else ()
    )
    rows = facts.timeline.facts.get("optimizers")
    kept = isinstance(rows, list) and any(
        isinstance(row, dict) and row.get("zero_grad_set_to_none") is False for row in rows
    )
    if not kept and not any(".grad." in one.text for one in reading.with_text(facts, found)):
        return None  # dropping them, as the default does, has a price too
    cost = costs.of_places(found)
    where = reading.own_place(facts, found[0]) if found else None
    lines = (*(evidence.place(place) for place in found[: findings.SHOWN]), *more)
    return findings.of_cost(cost, (Category.COMPUTE, where), ("Gradients are filled with zeros", FIX), lines)


def _fires() -> tuple[Facts, ...]:
    call = spot(
        "torch.optim.Optimizer.zero_grad",
        0.06,
        "site-packages/torch/optim/optimizer.py:900",
        caller="train.py:30",
    )
    kept = {"optimizers": [{"class": "SGD", "zero_grad_set_to_none": False}]}
    own = {"train.py": {10: "        p.grad.zero_()"}}
    return (facts(places=(call,), facts=kept), facts(places=(spot("main", 0.06),), sources=own))


def _quiet() -> tuple[Facts, ...]:
    call = spot("torch.optim.Optimizer.zero_grad", 0.06, "site-packages/torch/optim/optimizer.py:900")
    kept = {"optimizers": [{"class": "SGD", "zero_grad_set_to_none": False}]}
    return (facts(places=(call,)), facts(facts=kept))


RULE = Rule(name="zero-grad-not-none", check=check, requires=("stacks",), fires=_fires, quiet=_quiet)
