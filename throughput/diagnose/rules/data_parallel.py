"""Finds nn.DataParallel: one process that drives several devices."""

from __future__ import annotations

from dataclasses import replace

from throughput import units
from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.examples import facts
from throughput.model.attribution import DeviceSplit
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

FIX = (
    "Use one process a device: torchrun --nproc-per-node N train.py, with "
    "model = torch.nn.parallel.DistributedDataParallel(model, device_ids=[local_rank])"
)


def check(facts: Facts) -> Finding | None:
    """See nn.DataParallel copy the model to every device and gather outputs in each step, in a trace.

    Why it costs: the GIL lets one thread at a time launch kernels for all devices; the model is copied to
    all of them and outputs gathered on the first in each step.
    How to fix: DistributedDataParallel.
    When it is wrong: the devices are idle for another reason, such as the loader.
    Sources: PyTorch's documentation of DataParallel, which advises against it; PyTorch Distributed, VLDB'20.
    """
    device = facts.timeline.facts.get("device")
    devices = facts.attribution.devices
    used = isinstance(device, dict) and device.get("data_parallel") is True
    if not used or len(devices) < 2:
        return None
    parts = [costs.part_of(facts, one) for one in (Category.HOST_WORK, Category.COMMUNICATION)]
    cost = costs.together(*parts)
    busy = ", ".join(units.percent(one.busy_share) for one in devices[:8])
    lines = [f"one process drives {len(devices)} devices, which are busy {busy}"]
    if cost is not None:
        lines.append(f"launching for all of them, and communication, take {evidence.time_of(cost)}")
    texts = ("One process drives several devices (nn.DataParallel)", FIX)
    return findings.of_cost(cost, (Category.HOST_WORK, None), texts, lines)


def _facts(number: int, *, used: bool) -> Facts:
    made = facts({Category.HOST_WORK: 0.4}, facts={"device": {"steps": 100, "data_parallel": used}})
    one = DeviceSplit(rank=0, device=0, name=None, busy_share=0.2, idle_share=0.8, categories=(), idle=())
    devices = tuple(replace(one, device=n) for n in range(number))
    return replace(made, attribution=replace(made.attribution, devices=devices))


def _fires() -> tuple[Facts, ...]:
    return (_facts(4, used=True),)


def _quiet() -> tuple[Facts, ...]:
    return _facts(1, used=True), _facts(4, used=False)


RULE = Rule(
    name="data-parallel", check=check, requires=("torch",), needs_device=True, fires=_fires, quiet=_quiet
)
