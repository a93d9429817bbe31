"""Finds tensors that are turned from one memory layout to another, again and again."""

from __future__ import annotations

from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.device import read_device
from throughput.diagnose.examples import facts
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

FIX = (
    "Keep one layout from input to loss:\n"
    "    model = model.to(memory_format=torch.channels_last)\n"
    "    x = x.to(device, memory_format=torch.channels_last)"
)


def check(facts: Facts) -> Finding | None:
    """See cuDNN turn NCHW tensors to NHWC and back around its kernels.

    Why it costs: tensor cores want NHWC; each convolution then copies its input and its output.
    How to fix: channels_last for model and input.
    When it is wrong: an operator of the model has no channels_last kernel and turns the layout itself.
    Sources: PyTorch's tutorial on channels_last; NVIDIA's guide to convolution layouts.
    """
    device = read_device(facts)
    if device is None or not device.classes.get("all"):
        return None
    part = device.classes.get("layout", 0.0) / device.classes["all"]
    cost = costs.of_category(facts, Category.COMPUTE, part)
    if cost is None:
        return None
    lines = (f"kernels that only change the layout take {evidence.time_of(cost)}",)
    title = "Tensors are turned from one memory layout to another"
    return findings.of_cost(cost, (Category.COMPUTE, None), (title, FIX), lines)


def _facts(part: float) -> Facts:
    classes = {"all": 10**9, "layout": round(part * 1e9)}
    return facts(facts={"device": {"steps": 100, "classes": classes}})


def _fires() -> tuple[Facts, ...]:
    return (_facts(0.1),)


def _quiet() -> tuple[Facts, ...]:
    return _facts(0.0), _facts(0.01)


RULE = Rule(
    name="layout-transposes", check=check, requires=("torch",), needs_device=True, fires=_fires, quiet=_quiet
)
