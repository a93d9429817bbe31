"""Finds an optimizer that updates parameters one by one in Python."""

from __future__ import annotations

from collections.abc import Sequence

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.attribution import Place
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Frame

ONE_BY_ONE = "_single_tensor_"
"""How torch.optim names the functions that loop over the parameters."""
FIX = (
    "Use the fused update: torch.optim.AdamW(model.parameters(), lr=..., fused=True) (Adam, AdamW, SGD, "
    "Adagrad; on a CPU from torch 2.4). Where an optimizer has none, pass foreach=True on a GPU."
)


def check(facts: Facts) -> Finding | None:
    """See the optimizer loop over the parameters in Python (torch's `_single_tensor_*`).

    Why it costs: ten or more small operators for each parameter tensor, each with Python and dispatch
    around it. For 300 small tensors AdamW took 4.7 ms on one core, and 0.8 ms with fused=True (torch
    2.13).
    How to fix: fused=True, else foreach=True.
    When it is wrong: few, large tensors, whose arithmetic is the time; then the gain is smaller than the
    bound.
    Sources: torch/profiler/_pattern_matcher.py (OptimizerSingleTensor); torch.optim documentation.
    """
    part = reading.training_samples(facts, _loops)
    cost = costs.of_samples(facts, part)
    rows = facts.timeline.facts.get("optimizers")
    chosen = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list | tuple) else []
    asked = any(row.get("foreach") is False for row in chosen)
    # Torch itself chooses the loop on a CPU: that is only worth a word where it is felt.
    if cost is None or (cost.share < costs.GENERIC_SHARE and not asked):
        return None
    lines = [f"updating parameters one by one takes {evidence.time_of(cost)}"]
    lines += [
        f"{row.get('class')} has {row.get('params')} parameter tensors" for row in chosen if row.get("params")
    ]
    where: Place | None = reading.place_of_text(facts, findings.MAKES_OPTIMIZER)
    title = "The optimizer updates parameters one by one"
    return findings.of_cost(cost, (Category.COMPUTE, where), (title, FIX), lines)


def _loops(stack: Sequence[Frame]) -> bool:
    return any(frame.function.startswith(ONE_BY_ONE) for frame in stack)


_STACK = ("train.py main 30", "site-packages/torch/optim/adam.py _single_tensor_adam 420")


def _fires() -> tuple[Facts, ...]:
    asked = {"optimizers": [{"class": "Adam", "foreach": False, "params": 300}]}
    return (facts(stacks=((0.2, _STACK),)), facts(stacks=((0.06, _STACK),), facts=asked))


def _quiet() -> tuple[Facts, ...]:
    fused = ("train.py main 30", "site-packages/torch/optim/adam.py _fused_adam 700")
    return (facts(stacks=((0.2, fused),)), facts(stacks=((0.06, _STACK),)), facts())


RULE = SpecificRule(
    name="for-loop-optimizer",
    check=check,
    requires=("stacks",),
    supersedes=("python-overhead",),
    fires=_fires,
    quiet=_quiet,
)
