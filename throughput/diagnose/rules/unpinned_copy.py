"""Finds copies to the device from memory that is not pinned."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.device import host_wait_ns, read_device
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Pin the batches in the loader, and copy without waiting:\n"
    "    loader = DataLoader(..., pin_memory=True)\n"
    "    x = x.to(device, non_blocking=True)"
)


def check(facts: Facts) -> Finding | None:
    """See batches copied to the device from ordinary (pageable) memory.

    Why it costs: the driver first copies them into its own pinned buffer: half the speed, and the calling
    thread waits even with non_blocking=True.
    How to fix: pin_memory=True in the DataLoader, never .pin_memory() on the training thread.
    When it is wrong: copies are small and hidden behind compute; published gains are 1.02 to 1.15x.
    Sources: CUDA's best practices guide; Nsight Systems' expert rules; ICSE'24 (28 % of jobs).
    """
    device = read_device(facts)
    copies = [copy for copy in device.copies if copy.direction == "h2d"] if device else []
    unpinned = [copy for copy in copies if copy.pinned is False]
    if device is None or not unpinned:
        return None
    ns = sum(copy.ns for copy in unpinned)
    part = costs.part_of(facts, Category.HOST_TO_DEVICE, ns / sum(copy.ns for copy in copies))
    # Of a trace also what the host copies first, while nothing is queued.
    staged = min(sum(copy.call_ns for copy in unpinned) / device.steps, host_wait_ns(facts))
    cost = costs.of_time(facts, staged + (part.ns if part else 0.0), Category.HOST_TO_DEVICE)
    top = max(unpinned, key=lambda copy: copy.ns)
    rate = sum(copy.bytes for copy in unpinned) / ns * 1e9
    lines = (
        f"unpinned memory sends {units.size(sum(copy.bytes for copy in unpinned) / device.steps)} a step",
        f"at {units.size(rate)}/s",
        evidence.category(facts, Category.HOST_TO_DEVICE, "copies to the device take"),
    )
    spot = (Category.HOST_TO_DEVICE, reading.parsed_place(top.place))
    return findings.of_cost(cost, spot, ("Batches are copied from memory that is not pinned", FIX), lines)


def _device(pinned: bool | None) -> dict[str, object]:
    row: dict[str, object] = {"direction": "h2d", "ns": 10**9, "bytes": 10**9, "count": 100}
    row |= {"pinned": pinned, "place": "train.py:31"}
    return {"device": {"steps": 100, "copies": [row]}}


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.HOST_TO_DEVICE: 0.1}, facts=_device(False)),)


def _quiet() -> tuple[Facts, ...]:
    copies = {Category.HOST_TO_DEVICE: 0.1}
    return (
        facts(copies, facts=_device(True)),
        facts(copies, facts=_device(None)),
        facts(facts=_device(False)),
    )


RULE = SpecificRule(
    name="unpinned-copy",
    check=check,
    requires=("torch",),
    needs_device=True,
    supersedes=("blocking-copy",),
    fires=_fires,
    quiet=_quiet,
)
