"""Finds an optimizer that launches kernels for each parameter while the device waits, in a trace."""

from __future__ import annotations

from dataclasses import replace

from throughput import units
from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.device import host_wait_ns, read_device
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.attribution import DeviceSplit, IdleCause
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

MANY = 100.0
"""Kernels a step of the optimizer: foreach needs 5 to 30, fused 1 to 5, a loop several for each parameter."""
FIX = (
    "Use an update of all parameters at once: fused=True (Adam, AdamW, SGD, Adagrad), else foreach=True; "
    "for one of your own torch._foreach_* operators, or torch.compile(optimizer.step)."
)


def check(facts: Facts) -> Finding | None:
    """See the optimizer launch hundreds of kernels a step while the device has nothing else to do.

    Why it costs: each launch takes 5 to 20 us of the host, each kernel a few us of the device.
    How to fix: fused=True, else foreach=True.
    When it is wrong: the optimizer runs while the device still works off what was queued before.
    Sources: torch.optim documentation (foreach, fused); torch/profiler/_pattern_matcher.py.
    """
    device = read_device(facts)
    if device is None or device.optimizer is None:
        return None
    name, count, ns, launches = device.optimizer
    if launches < MANY * count:
        return None
    cost = costs.of_time(facts, min(ns / device.steps, host_wait_ns(facts)), Category.HOST_WORK)
    if cost is None:
        return None
    lines = (
        f"{name} launches {units.count(launches / count)} kernels in each step of it",
        f"meanwhile nothing is queued for the device: up to {evidence.time_of(cost)}",
    )
    texts = ("The optimizer launches kernels for each parameter", FIX)
    return findings.of_cost(cost, (Category.HOST_WORK, None), texts, lines)


def _facts(launches: int, waits_ms: float) -> Facts:
    row = {"name": "SGD", "count": 100, "ns": 2 * 10**9, "launches": launches}
    made = facts({Category.HOST_WORK: 0.4}, facts={"device": {"steps": 100, "optimizer": row}})
    idle = (IdleCause(cause="host_wait", ns_per_step=waits_ms * 1e6, share=waits_ms / 100, gaps=9),)
    one = DeviceSplit(rank=0, device=0, name=None, busy_share=0.5, idle_share=0.5, categories=(), idle=idle)
    return replace(made, attribution=replace(made.attribution, devices=(one,)))


def _fires() -> tuple[Facts, ...]:
    return (_facts(60_000, 30.0),)


def _quiet() -> tuple[Facts, ...]:
    return _facts(1_000, 30.0), _facts(60_000, 1.0)


RULE = SpecificRule(
    name="unfused-optimizer", check=check, requires=("torch",), needs_device=True, fires=_fires, quiet=_quiet,
    supersedes=("launch-bound", "python-overhead"),
)  # fmt: skip
