"""Finds an optimizer that updates parameters one by one in Python."""

from __future__ import annotations

from collections.abc import Sequence

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Frame

ONE_BY_ONE = "_single_tensor_"
"""How torch.optim names the functions that loop over the parameters."""
OVERHEAD_NS = 60_000
"""Python and dispatch for one tensor: AdamW took 15 us on a fast core, up to 95 us on a slow one."""
FIX = (
    "Use the fused update: torch.optim.AdamW(model.parameters(), lr=..., fused=True) (Adam, AdamW, SGD, "
    "Adagrad; on a CPU from torch 2.4). Where an optimizer has none, pass foreach=True on a GPU."
)


def check(facts: Facts) -> Finding | None:
    """See the optimizer loop over the parameters in Python (torch's `_single_tensor_*`).

    Why it costs: ten or more small operators for each parameter tensor, each with Python and dispatch
    around it. For 300 small ones AdamW took 4.7 ms on one core, with fused=True 0.8 ms (torch 2.13).
    How to fix: fused=True, else foreach=True.
    When it is wrong: large tensors, whose arithmetic takes part of this time, are among them.
    Sources: torch/profiler/_pattern_matcher.py (OptimizerSingleTensor); torch.optim documentation.
    """
    cost = costs.of_samples(facts, reading.training_samples(facts, _loops))
    chosen = reading.optimizers(facts)
    tensors = sum(reading.number(row.get("params")) or 0 for row in chosen)
    if cost is None or tensors * OVERHEAD_NS < cost.ns / 2:
        return None  # arithmetic on few, large tensors
    # Torch itself chooses the loop on a CPU: that is only worth a word where it is felt.
    if cost.share < costs.generic(facts) and all(row.get("foreach") is not False for row in chosen):
        return None
    lines = [f"updating parameters one by one takes {evidence.time_of(cost)}"]
    lines += [f"{row.get('class')} has {row.get('params')} parameter tensors" for row in chosen]
    where = reading.place_of_text(facts, findings.MAKES_OPTIMIZER)
    texts = ("The optimizer updates parameters one by one", FIX)
    found = findings.of_cost(cost, (Category.COMPUTE, where), texts, lines)
    steps = [p for p in reading.places(facts) if p.file.startswith("torch/optim/")]
    return findings.claiming(found, [reading.own_place(facts, place) for place in steps])


def _loops(stack: Sequence[Frame]) -> bool:
    return any(frame.function.startswith(ONE_BY_ONE) for frame in stack)


_STACK = ("train.py main 30", "site-packages/torch/optim/adam.py _single_tensor_adam 420")


def _many(foreach: bool | None, params: int) -> dict[str, object]:
    return {"optimizers": [{"class": "Adam", "foreach": foreach, "params": params}]}


def _fires() -> tuple[Facts, ...]:
    return (
        facts(stacks=((0.2, _STACK),), facts=_many(None, 2000)),
        facts(stacks=((0.06, _STACK),), facts=_many(False, 400)),
    )


def _quiet() -> tuple[Facts, ...]:
    fused = ("train.py main 30", "site-packages/torch/optim/adam.py _fused_adam 700")
    return (
        facts(stacks=((0.2, fused),), facts=_many(None, 2000)),
        facts(stacks=((0.2, _STACK),), facts=_many(None, 8)),
        facts(stacks=((0.06, _STACK),), facts=_many(None, 2000)),
    )


RULE = SpecificRule(
    name="for-loop-optimizer", check=check, requires=("stacks",), fires=_fires, quiet=_quiet,
    supersedes=("python-overhead",),
)  # fmt: skip
