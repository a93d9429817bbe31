"""Finds a device that waits for the script to launch many small kernels."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.device import launching_part, read_device
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

SHORT_NS = 20_000
"""Launching one kernel from Python takes 5 to 20 us: kernels shorter than that can't keep the device busy."""
AWAY = 0.5
"""Of the time that launching takes: torch.compile and CUDA graphs save most of it where they can be used, and
nothing where a model keeps them out."""
ASSUMES = "half of the launching goes away, and nothing else becomes the limit"
FIX = (
    'Queue fewer, larger kernels: torch.compile(model) (mode="reduce-overhead" uses CUDA graphs), a larger '
    "batch, or a fused optimizer."
)


def check(facts: Facts) -> Finding | None:
    """See the device run dry because its kernels are shorter than the time to launch them.

    Why it costs: the script queues one small kernel after another, and the device waits for each.
    How to fix: torch.compile, CUDA graphs, larger batches, fused layers and optimizers.
    When it is wrong: the script is slow between launches for another reason; rules on Python come first.
    Sources: HTA (launch statistics); XProf; Nsight Systems' expert rules.
    """
    device = read_device(facts)
    if device is None or not device.kernels or device.kernel_ns is None:
        return None
    mean = device.kernel_ns / device.kernels
    if mean >= SHORT_NS:
        return None
    launching = launching_part(facts)
    waits = costs.of_category(facts, Category.HOST_WORK, least=costs.generic(facts))
    cost = costs.of_category(facts, Category.HOST_WORK, AWAY * launching)
    if waits is None:
        return None
    lines = (
        f"{units.count(device.kernels / device.steps)} kernels a step take {units.duration(mean)} each",
        evidence.category(facts, Category.HOST_WORK, "the device waits for the script"),
        f"{units.percent(launching)} of that while operators are launched",
    )
    title = "The device waits for many small kernels to be launched"
    return findings.of_cost(cost, (Category.HOST_WORK, None), (title, FIX), lines, ASSUMES)


def _device(busy_ns: int | None) -> dict[str, object]:
    return {"device": {"steps": 100, "kernels": {"count": 100_000, "busy_ns": busy_ns}}}


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.HOST_WORK: 0.4}, facts=_device(600_000_000)),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.HOST_WORK: 0.4}, facts=_device(9_000_000_000)),
        facts({Category.HOST_WORK: 0.05}, facts=_device(600_000_000)),
        facts({Category.HOST_WORK: 0.4}, facts=_device(None)),
    )


RULE = SpecificRule(
    name="launch-bound",
    check=check,
    requires=("torch",),
    needs_device=True,
    supersedes=("python-overhead",),
    fires=_fires,
    quiet=_quiet,
)
