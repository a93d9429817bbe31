"""Set apart the steps that the stack sampler slowed: where no CPU is spare it takes the script's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from throughput import units
from throughput.model.category import Block
from throughput.model.timeline import Segments, Step

QUIET_STEPS_MIN = 20
"""Fewer steps without the sampler say too little to stand for all."""
STARVED_SHARE_MIN = 0.01
"""Of the step: waits for a CPU that the sampler adds are worth leaving steps out from here on."""
ERRORS = 2.0
"""Standard errors that the difference must exceed."""

Floats = npt.NDArray[np.float64]


def without_disturbed(
    steps: tuple[Step, ...], segments: Segments
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return the steps, those with the sampler as DISTURBED where it made them wait for a CPU, and a note.

    What matters is the training thread's time in the run queue, with the sampler and without.
    """
    quiet = [step for step in steps if step.block is Block.LIGHT]
    sampled = [step for step in steps if step.block is Block.STACKS]
    if len(quiet) < QUIET_STEPS_MIN or not sampled:
        return steps, ()
    before, during = _starved(quiet, segments), _starved(sampled, segments)
    added = float(during.mean() - before.mean())
    error = float(np.hypot(during.std() / len(during) ** 0.5, before.std() / len(before) ** 0.5))
    if added < max(STARVED_SHARE_MIN, ERRORS * error):
        return steps, ()
    kept = tuple(replace(s, block=Block.DISTURBED) if s.block is Block.STACKS else s for s in steps)
    note = (
        "Sampling stacks took CPU time from the training thread, which waited for a CPU "
        f"{units.percent(float(during.mean()))} of each step, {units.percent(float(before.mean()))} without: "
        f"times are those of the {units.plural(len(quiet), 'step')} without it."
    )
    return kept, (note,)


def _starved(steps: list[Step], segments: Segments) -> Floats:
    """Return the share of each step in which the training thread waited for a CPU."""
    order = np.argsort(segments.start_ns, kind="stable")
    sums = np.concatenate([[0], np.cumsum(np.maximum(segments.runq_ns[order], 0))])
    starts = segments.start_ns[order]
    first = np.searchsorted(starts, [step.start_ns for step in steps])
    last = np.searchsorted(starts, [step.end_ns for step in steps])
    lengths = np.maximum([step.duration_ns for step in steps], 1)
    return np.asarray((sums[last] - sums[first]) / lengths, dtype=np.float64)
