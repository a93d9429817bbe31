"""Say what fits into a span of time: steps, samples and epochs, now and after the top fix."""

from __future__ import annotations

import re

from throughput.errors import UsageError
from throughput.model.finding import Facts
from throughput.model.report import Budget, Report

SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}


def seconds_of(text: str) -> float:
    """Return the seconds that a span such as 90s, 30m, 12h or 2d stands for.

    Raises:
        UsageError: it is no such span.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)\s*", text)
    if not match or not float(match.group(1)):
        raise UsageError(f"{text} is no span of time.", hint="Write it as 90s, 30m, 12h or 2d.")
    return float(match.group(1)) * SECONDS[match.group(2)]


def budget_of(report: Report, facts: tuple[Facts, ...], seconds: float) -> Budget | None:
    """Return what fits at the measured speed, less the measured start-up; None where no step was timed.

    Epochs count only where the loader's iterators were seen to end, so that an epoch's batches are known.
    """
    speed = report.throughput
    if speed is None:
        return None
    running = max(seconds - (report.startup_s or 0.0), 0.0)
    top = report.findings[0].prediction if report.findings else None
    gain = top.speedup if top is not None else None
    steps = speed.steps_per_s * running
    samples = speed.samples_per_s * running if speed.samples_per_s is not None else None
    epoch = _epoch_steps(facts)
    return Budget(
        seconds=seconds,
        steps_now=steps,
        steps_after=steps * gain if gain is not None else None,
        samples_now=samples,
        samples_after=samples * gain if samples is not None and gain is not None else None,
        epochs_now=steps / epoch if epoch else None,
        epochs_after=steps * gain / epoch if epoch and gain is not None else None,
    )


def _epoch_steps(facts: tuple[Facts, ...]) -> float | None:
    """Return the steps of an epoch, where one was seen from its start to the next one's."""
    if not facts:
        return None
    timeline = facts[0].timeline
    for loader in timeline.loaders:
        starts = loader.start_ns
        if len(starts) >= 2:
            inside = [s for s in timeline.steps if starts[0] <= s.end_ns < starts[1]]
            return float(len(inside)) or None
    return None
