"""Finds many copies of a few bytes each between host and device."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.device import read_device
from throughput.diagnose.examples import facts
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

MANY = 10.0
"""Tiny copies a step: a batch is an input, a target and a few more."""
EACH_NS = 15_000
"""Launching one takes 5 to 10 us of the host, the device's copy engine as much again."""
FIX = (
    "Send them together: stack the numbers on the host and copy once, make constants on the device "
    "(torch.arange(..., device=device)), register tensors that don't change as buffers."
)


def check(facts: Facts) -> Finding | None:
    """See ten and more copies a step of at most 16 kB.

    Why it costs: a copy takes 10 us and more, however little it moves; a blocking one stops the script.
    How to fix: one copy of all, or none: make the tensor where it is used.
    When it is wrong: each needs the result of the one before.
    Sources: CUDA's best practices guide (batch small transfers); Nsight Systems' expert rules.
    """
    device = read_device(facts)
    copies = [copy for copy in device.copies if copy.direction in ("h2d", "d2h")] if device else []
    tiny = sum(copy.tiny for copy in copies)
    if device is None or tiny < MANY * device.steps:
        return None
    cost = costs.of_time(facts, EACH_NS * tiny / device.steps, Category.HOST_TO_DEVICE)
    top = max(copies, key=lambda copy: copy.tiny)
    lines = [f"{units.count(tiny / device.steps)} copies a step move at most 16 kB each"]
    if cost is not None:
        lines.append(f"they take about {evidence.time_of(cost)}")
    texts = ("Many copies move a few bytes each", FIX)
    return findings.of_cost(cost, (Category.HOST_TO_DEVICE, reading.parsed_place(top.place)), texts, lines)


def _device(tiny: int) -> dict[str, object]:
    row = {"direction": "h2d", "ns": 10**7, "bytes": 10**5, "count": tiny, "tiny": tiny}
    return {"device": {"steps": 100, "copies": [row]}}


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.HOST_TO_DEVICE: 0.1}, facts=_device(60_000)),)


def _quiet() -> tuple[Facts, ...]:
    copies = {Category.HOST_TO_DEVICE: 0.1}
    return facts(copies, facts=_device(400)), facts(copies, facts=_device(2_000))


RULE = Rule(
    name="tiny-copies", check=check, requires=("torch",), needs_device=True, fires=_fires, quiet=_quiet
)
