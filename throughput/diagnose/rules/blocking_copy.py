"""Finds copies to the device that the training thread waits for although it need not."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.device import read_device
from throughput.diagnose.examples import facts
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

FIX = "Let the copy run on while the script does: x = x.to(device, non_blocking=True)"


def check(facts: Facts) -> Finding | None:
    """See copies from pinned memory to the device that the training thread waits for.

    Why it costs: the thread stands still until the copy is done, instead of queueing the kernels that
    follow.
    How to fix: non_blocking=True; CUDA keeps the order, so the kernels still wait for their data.
    When it is wrong: the script changes the pinned buffer right after, which needs the copy to be done.
    Sources: PyTorch's tutorial on pin_memory and non_blocking; Nsight Systems' expert rules.
    """
    device = read_device(facts)
    copies = [copy for copy in device.copies if copy.direction == "h2d"] if device else []
    blocking = [copy for copy in copies if copy.blocking is True and copy.pinned is not False]
    if device is None or not blocking:
        return None
    part = sum(copy.ns for copy in blocking) / sum(copy.ns for copy in copies)
    cost = costs.of_category(facts, Category.HOST_TO_DEVICE, part)
    top = max(blocking, key=lambda copy: copy.ns)
    lines = (
        f"{units.count(sum(copy.count for copy in blocking) / device.steps)} blocking copies a step",
        evidence.category(facts, Category.HOST_TO_DEVICE, "copies to the device take"),
    )
    spot = (Category.HOST_TO_DEVICE, reading.parsed_place(top.place))
    return findings.of_cost(cost, spot, ("The training thread waits for copies to the device", FIX), lines)


def _device(**changes: object) -> dict[str, object]:
    row = {"direction": "h2d", "ns": 10**9, "bytes": 10**9, "count": 100, "pinned": True, "blocking": True}
    return {"device": {"steps": 100, "copies": [row | changes]}}


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.HOST_TO_DEVICE: 0.1}, facts=_device()),)


def _quiet() -> tuple[Facts, ...]:
    copies = {Category.HOST_TO_DEVICE: 0.1}
    return (
        facts(copies, facts=_device(blocking=False)),
        facts(copies, facts=_device(pinned=False)),
        facts(copies, facts=_device(direction="d2h")),
        facts(copies, facts=_device(blocking=None)),
    )


RULE = Rule(
    name="blocking-copy", check=check, requires=("torch",), needs_device=True, fires=_fires, quiet=_quiet
)
