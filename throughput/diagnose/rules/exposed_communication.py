"""Finds communication between devices that no computing hides."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.device import read_device
from throughput.diagnose.examples import facts
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

FIX = (
    "Let it run beside backward, and send less: DistributedDataParallel(gradient_as_bucket_view=True, larger "
    "bucket_cap_mb), gradients in bf16 (ddp_comm_hooks.default_hooks.bf16_compress_hook), no_sync() while "
    "accumulating; for tensor parallelism sequence-parallel overlap, or fewer devices in a group."
)
HIDDEN_ENOUGH = 0.9
"""Of communication: where nine tenths run beside computing, the rest is the last bucket."""


def check(facts: Facts) -> Finding | None:
    """See devices communicate while none of them computes.

    Why it costs: the device waits for its peers instead of computing.
    How to fix: overlap it with backward, send fewer bytes, or communicate less often.
    When it is wrong: one rank is slow and the others wait for it inside the collective: see straggling-rank.
    Sources: HTA (communication overlap); TensorBoard plugin (communication > 10 %); PyTorch DDP notes.
    """
    if read_device(facts) is None:
        return None
    cost = costs.of_category(facts, Category.COMMUNICATION, least=costs.generic(facts))
    busy = [
        share.busy for one in facts.attribution.devices for share in one.categories
        if share.category is Category.COMMUNICATION and share.busy
    ]  # fmt: skip
    if cost is None:
        return None
    lines = [evidence.category(facts, Category.COMMUNICATION, "communication that nothing hides takes")]
    if busy:
        mean = sum(busy) / len(busy)
        hidden = max(0.0, 1 - cost.share / mean)
        if hidden >= HIDDEN_ENOUGH:
            return None
        lines.append(f"computing hides {units.percent(hidden)} of all communication")
    spot = (Category.COMMUNICATION, None)
    return findings.of_cost(cost, spot, ("Devices wait for one another's data", FIX), lines)


def _device() -> dict[str, object]:
    return {"device": {"steps": 100, "kernels": {"count": 1000, "busy_ns": 10**9}}}


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.COMMUNICATION: 0.3}, facts=_device()),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.COMMUNICATION: 0.04}, facts=_device()),
        facts({Category.COMPUTE: 1.0}, facts=_device()),
    )


RULE = Rule(
    name="exposed-communication", check=check, requires=("torch",), needs_device=True,
    fires=_fires, quiet=_quiet,
)  # fmt: skip
