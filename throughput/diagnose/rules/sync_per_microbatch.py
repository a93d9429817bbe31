"""Finds gradients that ranks average after every micro-batch instead of once an update."""

from __future__ import annotations

from dataclasses import replace

from throughput import units
from throughput.diagnose import costs, evidence, findings, phases, reading
from throughput.diagnose.examples import MICRO_BATCHES, backwards, facts, spot
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

ALIKE = 0.3
"""The earlier backwards of an update wait at least this much of what the last one does: they average too."""
FIX = (
    "Run all backwards of an update but the last without averaging:\n"
    "    with model.no_sync() if micro < last else contextlib.nullcontext():\n"
    "        loss.backward()\n"
    "(accelerate: accelerator.accumulate(model); Lightning and HF Trainer do so by themselves)."
)


def check(facts: Facts) -> Finding | None:
    """See each of several backwards of an update wait for the other ranks.

    Why it costs: DistributedDataParallel averages all gradients at the end of every backward; with N
    micro-batches an update N - 1 of these averages are thrown into the next.
    How to fix: no_sync() around all backwards but the last.
    When it is wrong: what is waited for is a slower rank, not the network: then waits move to the last one.
    Sources: torch.nn.parallel.DistributedDataParallel.no_sync; accelerate's documentation on accumulation.
    """
    known = facts.timeline.facts
    if (reading.number(known.get("world_size")) or 1) < 2 or known.get("device_used"):
        return None
    blocked = phases.blocked_backwards(facts)
    if blocked is None:
        return None
    earlier, last = blocked[:, :-1], blocked[:, -1]
    if earlier.mean() < ALIKE * last.mean():
        return None
    cost = costs.of_category(facts, Category.COMMUNICATION, float(earlier.sum() / max(blocked.sum(), 1)))
    lines = (
        f"{units.count(blocked.shape[1])} backwards an update",
        f"each but the last waits {units.duration(float(earlier.mean()))} for the other ranks",
        f"the last waits {units.duration(float(last.mean()))}",
        evidence.category(facts, Category.COMMUNICATION, "communication takes"),
    )
    title = "Ranks average gradients after every micro-batch"
    return findings.of_cost(cost, (Category.COMMUNICATION, phases.backward_call(facts)), (title, FIX), lines)


def _facts(blocked: tuple[float, ...], share: float = 0.4, world: int = 2) -> Facts:
    call = spot("torch.Tensor.backward", 0.3, "site-packages/torch/_tensor.py:566", caller="train.py:30")
    made = facts({Category.COMMUNICATION: share}, (call,), facts={"world_size": world})
    return replace(made, timeline=replace(made.timeline, segments=backwards(blocked)))


def _fires() -> tuple[Facts, ...]:
    return (_facts((10.0,) * MICRO_BATCHES),)


def _quiet() -> tuple[Facts, ...]:
    return (
        _facts((0.1,) * (MICRO_BATCHES - 1) + (40.0,)),
        _facts((40.0,)),
        _facts((10.0,) * MICRO_BATCHES, world=1),
    )


RULE = SpecificRule(
    name="sync-per-microbatch",
    check=check,
    requires=("light",),
    fires=_fires,
    quiet=_quiet,
)
