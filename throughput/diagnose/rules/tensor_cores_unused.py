"""Finds matrix products in float32 that tensor cores could do."""

from __future__ import annotations

import re

from throughput import units
from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.device import read_device
from throughput.diagnose.examples import facts
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

HAS_TENSOR_CORES = re.compile(
    r"V100|T4\b|RTX|Quadro RTX|A100|A10\b|A30|A40|A800|L4\b|L40|H100|H200|H800|GH200|B100|B200|GB200"
)
HAS_TF32 = re.compile(r"RTX [3-9]0|A100|A10\b|A30|A40|A800|L4\b|L40|H100|H200|H800|GH200|B100|B200|GB200")
LEAST_OF_STEP = 0.10
"""Of a step: below it mixed precision is no finding, for it also changes numbers."""
FASTER = 0.5
"""Published gains on matrix products are 2x (V100, AMP) to 7x (A100, TF32): half of their time is safe."""
AMP = "Use mixed precision: with torch.autocast('cuda', dtype=torch.{dtype}): ...{scaler}"
TF32 = "Let float32 products use TF32: torch.set_float32_matmul_precision('high'). Or mixed precision:\n    "


def check(facts: Facts) -> Finding | None:
    """See float32 kernels of matrix products and convolutions on a device that has tensor cores.

    Why it costs: tensor cores do the same products 2 to 8 times faster in TF32, bf16 or fp16.
    How to fix: torch.set_float32_matmul_precision("high") from Ampere on; torch.autocast.
    When it is wrong: the model needs all of float32's digits.
    Sources: PyTorch's performance tuning guide (tensor cores, AMP); NVIDIA's mixed precision guide.
    """
    device = read_device(facts)
    name = str(facts.timeline.facts.get("device_name") or "")
    if device is None or not HAS_TENSOR_CORES.search(name):
        return None
    ns, used, whole = (device.classes.get(key, 0.0) for key in ("matmul_fp32", "tensor_core", "all"))
    if ns <= 0 or whole <= 0:
        return None
    whole_cost = costs.of_category(facts, Category.COMPUTE, ns / whole, LEAST_OF_STEP)
    cost = costs.of_category(facts, Category.COMPUTE, FASTER * ns / whole)
    if whole_cost is None or cost is None:
        return None
    lines = (
        f"matrix products and convolutions in float32 take {evidence.time_of(whole_cost)}",
        f"{name} has tensor cores: {units.percent(used / whole)} of kernel time uses them",
    )
    newer = HAS_TF32.search(name)
    dtype, scaler = ("bfloat16", "") if newer else ("float16", " and torch.amp.GradScaler()")
    fix = (TF32 if newer else "") + AMP.format(dtype=dtype, scaler=scaler)
    texts = ("Matrix products run in float32 beside idle tensor cores", fix)
    assumes = "these kernels take half of their time, and nothing else becomes the limit"
    return findings.of_cost(cost, (Category.COMPUTE, None), texts, lines, assumes)


def _facts(name: str, part: float) -> Facts:
    classes = {"all": 10**9, "matmul_fp32": round(part * 1e9)}
    return facts(facts={"device_name": name, "device": {"steps": 100, "classes": classes}})


def _fires() -> tuple[Facts, ...]:
    return _facts("Tesla V100-SXM2-16GB", 0.6), _facts("NVIDIA A100-SXM4-80GB", 0.6)


def _quiet() -> tuple[Facts, ...]:
    return _facts("Tesla P100", 0.6), _facts("NVIDIA A100-SXM4-80GB", 0.05), _facts("", 0.6)


RULE = Rule(
    name="tensor-cores-unused",
    check=check,
    requires=("torch",),
    needs_device=True,
    fires=_fires,
    quiet=_quiet,
)
