"""Turn the shaped steps' work into that of a clean step: FLOPs, and the time of each module."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from throughput.attribute.intervals import span_of
from throughput.model.category import Phase
from throughput.model.timeline import Step, Timeline
from throughput.model.work import Ceiling, ModuleRow, ModuleWork

ROWS_MAX = 40
"""Modules beyond these take next to nothing."""
SIZED_SHARE = 0.5
"""Of some steps so many must say how much they held, or their mean says nothing."""
FORWARD_PHASES = (Phase.REST, Phase.OPTIMIZER)
"""Forward has no timer of its own: it is among the rest, or inside an optimizer that is given a closure."""


def flops_per_step(timeline: Timeline) -> float | None:
    """Return the FLOPs of a mean clean step; None where shapes were not recorded."""
    work = timeline.work
    return work.flops / work.steps * _held_more(timeline) if work.steps else None


def module_rows(timeline: Timeline, ceiling: Ceiling | None) -> tuple[ModuleRow, ...]:
    """Return each module's part of a clean step, without the modules inside it, the costliest first.

    Times are in the proportions that the shaped steps show, scaled to the clean steps: backward by its timer,
    forward by the rest of the step. Those of a device are of its kernels, which the recording doesn't slow.
    """
    clean, shaped = _clean(timeline), _shaped(timeline)
    if not timeline.work.steps or not clean or not shaped:
        return ()
    scales = (1.0, 1.0) if timeline.work.on_device else _scales(timeline, shaped, clean)
    step_ns = sum(s.duration_ns for s in clean) / len(clean)
    whole = (step_ns, _held_more(timeline))
    work = timeline.work
    rows = [_row(module, work.steps, scales, whole, ceiling) for module in work.modules]
    shown = [row for row in rows if row.share or row.flops_per_step]
    return tuple(sorted(shown, key=lambda row: -(row.share or 0.0))[:ROWS_MAX])


def _row(
    module: ModuleWork,
    steps: int,
    scales: tuple[float, float],
    whole: tuple[float, float],
    ceiling: Ceiling | None,
) -> ModuleRow:
    step_ns, held = whole
    forward, backward = module.forward_ns / steps * scales[0], module.backward_ns / steps * scales[1]
    flops = module.flops / steps * held
    known = bool(ceiling and flops and forward + backward)
    return ModuleRow(
        name=module.name,
        kind=module.kind,
        calls_per_step=module.calls / steps,
        forward_ns=forward if module.name else None,
        backward_ns=backward,
        share=(forward + backward) / step_ns,
        flops_per_step=flops,
        ceiling_share=flops * 1e9 / (forward + backward) / ceiling.flops_per_s if known and ceiling else None,
    )


def _clean(timeline: Timeline) -> list[Step]:
    return [s for s in timeline.steps if s.block.is_clean and s.duration_ns > 0]


def _shaped(timeline: Timeline) -> list[Step]:
    work = timeline.work
    return [s for s in timeline.steps if work.start_ns <= s.start_ns and s.end_ns <= work.end_ns]


def _held_more(timeline: Timeline) -> float:
    """Return how much more a clean step held than a shaped one: tokens where known, else samples, else 1."""
    clean, shaped = _clean(timeline), _shaped(timeline)
    for name in ("tokens", "samples"):
        means = mean_held(clean, name), mean_held(shaped, name)
        if means[0] and means[1]:
            return means[0] / means[1]
    return 1.0


def mean_held(steps: Sequence[Step], name: str) -> float | None:
    """Return the mean samples or tokens a step; None where too few steps say."""
    known = [value for s in steps if (value := getattr(s, name)) is not None]
    return sum(known) / len(steps) if known and len(known) >= SIZED_SHARE * len(steps) else None


def _scales(timeline: Timeline, shaped: Sequence[Step], clean: Sequence[Step]) -> tuple[float, float]:
    """Return clean over shaped time a step, of forward and of backward."""
    before, after = _phase_means(timeline, shaped), _phase_means(timeline, clean)
    whole = sum(s.duration_ns for s in clean) / len(clean) * len(shaped) / sum(s.duration_ns for s in shaped)
    forward, backward = (a / b if a and b else whole for a, b in zip(after, before, strict=True))
    return forward, backward


def _phase_means(timeline: Timeline, steps: Sequence[Step]) -> tuple[float, float]:
    """Return the mean time a step of the phases that hold forward, and of backward."""
    segments = timeline.segments
    start = np.array([s.start_ns for s in steps], dtype=np.int64)
    end = np.array([s.end_ns for s in steps], dtype=np.int64)
    inside = span_of((segments.start_ns + segments.end_ns) // 2, start, end) >= 0
    length = np.maximum(segments.end_ns - segments.start_ns, 0)
    forward = length[inside & np.isin(segments.phase, [int(phase) for phase in FORWARD_PHASES])].sum()
    backward = length[inside & (segments.phase == int(Phase.BACKWARD))].sum()
    return float(forward) / len(steps), float(backward) / len(steps)
