"""Finds memory of the device that is taken and given back in every step."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.device import read_device
from throughput.diagnose.examples import facts
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

EACH_STEP = 1.0
"""Calls a step: PyTorch's allocator keeps what it took, so that in a steady state there are none."""
FIX = (
    "Let PyTorch's allocator keep its memory: no torch.cuda.empty_cache() in the loop, "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True where shapes vary, a smaller batch where it is full."
)


def check(facts: Facts) -> Finding | None:
    """See the script call cudaMalloc and cudaFree in the steps of a trace.

    Why it costs: each call takes 0.1 to 1 ms, and freeing waits for the device; afterwards nothing is queued.
    How to fix: don't empty the cache, let segments grow, pad shapes to a few sizes, use less memory.
    When it is wrong: the trace begins with the first steps of the run, which take their memory once.
    Sources: PyTorch CUDA semantics (memory management); torch.cuda.memory documentation.
    """
    device = read_device(facts)
    if device is None:
        return None
    calls, ns = device.allocations
    if calls < EACH_STEP * device.steps:
        return None
    cost = costs.of_time(facts, ns / device.steps, Category.HOST_WORK)
    if cost is None:
        return None
    lines = (
        f"{units.count(calls / device.steps)} calls a step take memory from the device or give it back",
        f"they take {evidence.time_of(cost)}",
    )
    title = "Memory of the device is taken and given back in every step"
    return findings.of_cost(cost, (Category.HOST_WORK, None), (title, FIX), lines)


def _device(count: int, ns: int) -> dict[str, object]:
    return {"device": {"steps": 100, "allocations": {"count": count, "ns": ns}}}


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.HOST_WORK: 0.3}, facts=_device(800, 10**9)),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.HOST_WORK: 0.3}, facts=_device(20, 10**9)),
        facts({Category.HOST_WORK: 0.3}, facts=_device(800, 10**7)),
    )


RULE = Rule(
    name="steady-allocation", check=check, requires=("torch",), needs_device=True, fires=_fires, quiet=_quiet
)
