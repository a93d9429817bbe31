"""Measure speed from the clean steps: throughput and step time with their intervals."""

from __future__ import annotations

import numpy as np

from throughput.attribute.intervals import resample
from throughput.model.report import StepTime, Throughput
from throughput.model.timeline import Timeline


def throughput_of(timeline: Timeline) -> Throughput | None:
    """Return the speed of a rank's clean steps; None where there are none."""
    steps = [s for s in timeline.steps if s.block.is_clean and s.duration_ns > 0]
    if not steps:
        return None
    durations = np.array([s.duration_ns for s in steps], dtype=np.float64)
    means = durations[resample(len(durations), max(1, round(len(durations) ** (1 / 3))))].mean(axis=1)
    low, high = (float(v) for v in np.quantile(means, (0.025, 0.975)))
    mean = float(durations.mean())
    samples = [s.samples for s in steps]
    known = [n for n in samples if n is not None]
    enough = len(known) >= len(samples) // 2 and known
    return Throughput(
        steps_per_s=1e9 / mean,
        low=1e9 / high,
        high=1e9 / low,
        samples_per_s=sum(known) / len(known) * 1e9 / mean * len(known) / len(samples) if enough else None,
        step_ns=StepTime(
            median=float(np.median(durations)),
            p95=float(np.quantile(durations, 0.95)),
            mean=mean,
            low=low,
            high=high,
        ),
    )
