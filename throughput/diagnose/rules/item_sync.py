"""Finds single numbers that are read back from the device in every step."""

from __future__ import annotations

import re

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.device import read_device
from throughput.diagnose.examples import facts
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

READS = re.compile(
    r"item|_local_scalar_dense|tolist|is_nonzero|nonzero|\bcpu\b|\bnumpy\b|print|__bool__|__float__"
)
FIX = (
    "Keep the number on the device, and read it every N steps:\n"
    "    total += loss.detach()                      # no wait\n"
    "    if step % 50 == 0:\n"
    "        print(total.item() / 50); total.zero_()"
)


def check(facts: Facts) -> Finding | None:
    """See .item(), .cpu(), float(), print or `if tensor:` wait for the device.

    Why it costs: the script may not run ahead: it waits until all queued kernels are done, and the device
    then waits until new ones are queued.
    How to fix: add up on the device, read every N steps; torch.where instead of `if`.
    When it is wrong: the training loop needs the number to decide what comes next.
    Sources: PyTorch's performance tuning guide ("avoid unnecessary CPU-GPU synchronization").
    """
    device = read_device(facts)
    reads = [sync for sync in device.syncs if READS.search(sync.name)] if device else []
    if device is None or not reads:
        return None
    part = sum(sync.ns for sync in reads) / sum(sync.ns for sync in device.syncs)
    # A trace shows also for how long the device then had nothing to do.
    dry = sum(
        one.ns_per_step
        for each in facts.attribution.devices
        for one in each.after_sync
        if READS.search(one.name)
    ) / max(1, len(facts.attribution.devices))
    waits = costs.part_of(facts, Category.SYNCHRONIZATION, part)
    cost = costs.of_time(facts, dry + (waits.ns if waits else 0.0), Category.SYNCHRONIZATION)
    top = max(reads, key=lambda sync: sync.ns)
    lines = (
        f"{top.name} waits {units.duration(top.ns / device.steps)} a step",
        f"{units.count(sum(sync.count for sync in reads) / device.steps)} such calls a step",
        evidence.category(facts, Category.SYNCHRONIZATION, "waiting for the device takes"),
        *([f"the device then waits {units.duration(dry)} a step for new work"] if dry else []),
    )
    spot = (Category.SYNCHRONIZATION, reading.parsed_place(top.place))
    return findings.of_cost(cost, spot, ("Single numbers are read from the device in every step", FIX), lines)


def _device(name: str) -> dict[str, object]:
    return {
        "device": {"steps": 100, "syncs": [{"name": name, "ns": 10**9, "count": 100, "place": "train.py:40"}]}
    }


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.SYNCHRONIZATION: 0.2}, facts=_device("aten::_local_scalar_dense")),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.SYNCHRONIZATION: 0.2}, facts=_device("cudaDeviceSynchronize")),
        facts({Category.SYNCHRONIZATION: 0.01}, facts=_device("aten::item")),
    )


RULE = Rule(name="item-sync", check=check, requires=("torch",), needs_device=True, fires=_fires, quiet=_quiet)
