"""Add useful work to a rank's speed: tokens, padding, FLOPs, and the part of the ceiling that it reaches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from throughput import units
from throughput.attribute.energy import gpu_watts
from throughput.attribute.useful import flops_per_step, mean_held
from throughput.model.report import Throughput
from throughput.model.timeline import Timeline
from throughput.model.work import Ceiling, Mfu, Work

COVERAGE_MIN = 0.9
"""Under it too much work is unknown for a part of the ceiling to mean anything."""
BEYOND = 1.05
"""A larger part of the ceiling can't be: it is not that of what ran (TF32 in convolutions, a boost)."""


def with_work(speed: Throughput | None, timeline: Timeline, ceiling: Ceiling | None) -> Throughput | None:
    """Return the speed with what of its work is useful; None stays None."""
    if speed is None:
        return None
    clean = [s for s in timeline.steps if s.block.is_clean and s.duration_ns > 0]
    held = mean_held(clean, "tokens")
    tokens = None if held is None else held * speed.steps_per_s
    padding = timeline.padding.share if timeline.padding is not None and tokens is not None else None
    found: dict[str, Any] = {
        "tokens_per_s": tokens,
        "padding_share": padding,
        "useful_tokens_per_s": None if tokens is None or padding is None else tokens * (1 - padding),
    }
    watts = gpu_watts(timeline)
    if watts is not None:
        found |= {
            "watts": watts,
            "joules_per_step": watts / speed.steps_per_s,
            "joules_per_sample": watts / speed.samples_per_s if speed.samples_per_s else None,
        }
    flops = flops_per_step(timeline)
    if flops is not None:
        mfu, missing = _mfu(flops * speed.steps_per_s, timeline.work, ceiling)
        found |= {
            "flops_per_step": flops,
            "flops_coverage": timeline.work.coverage,
            "tflops": flops * speed.steps_per_s / 1e12,
            "mfu": mfu,
            "mfu_missing": missing,
        }
    return replace(speed, **found)


def _mfu(flops_per_s: float, work: Work, ceiling: Ceiling | None) -> tuple[Mfu | None, str | None]:
    """Return the part of the ceiling that is reached; else why it is not known."""
    if work.coverage < COVERAGE_MIN:
        names = ", ".join(name for name, _ in work.uncounted[:3])
        return None, f"{units.percent(1 - work.coverage)} of operator time can't be counted: {names}"
    if not flops_per_s:
        return None, "no operator was seen whose FLOPs count"
    if ceiling is None:
        if work.on_device:
            return None, f"no peak is known for this device and {work.dtype}"
        return None, "the ceiling of this CPU was not measured: throughput doctor --bench does"
    value = flops_per_s / ceiling.flops_per_s
    if value > BEYOND:
        return None, "faster than the ceiling that is known, which is not that of what ran"
    return Mfu(value=value, peak=ceiling.flops_per_s, peak_source=ceiling.source), None
