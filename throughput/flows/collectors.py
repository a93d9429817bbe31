"""Say how each collector did: what the parent saw of it, with what the training process reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from throughput import units
from throughput.model.category import Block
from throughput.model.run import CollectorStatus
from throughput.model.timeline import Timeline

COVERED_MIN = 0.8
"""py-spy drops samples where it is late, and has been seen to end early."""
NAMED_MAX = 3
"""Of the patch points that a torch lacks, so many are named; one reason must fit a line or two."""
NO_BLOCK = "the run ended before its steps, or too few were asked for"


def collector_states(
    before: Sequence[CollectorStatus], facts: Mapping[str, Any], timeline: Timeline
) -> tuple[CollectorStatus, ...]:
    """Return the collectors' states; those that the parent knows not to have worked stay as they are."""
    said = {row.get("name"): row for row in facts.get("collectors", ())}
    lost: dict[Any, list[Mapping[str, Any]]] = {}
    for row in facts.get("missing", ()):
        lost.setdefault(row.get("collector"), []).append(row)
    return tuple(_state(status, said.get(status.name), lost.get(status.name), timeline) for status in before)


def _state(
    status: CollectorStatus,
    said: Mapping[str, Any] | None,
    lost: Sequence[Mapping[str, Any]] | None,
    timeline: Timeline,
) -> CollectorStatus:
    if status.state != "ok":
        if status.name == "stacks" and len(timeline.samples.track):
            reason = f"{status.reason or status.state}; sampled in process instead, so that lines are rough"
            return replace(status, state="ok", reason=reason)
        return status
    covered = _covered(timeline) if status.name == "stacks" else None
    if covered is not None and covered < COVERED_MIN:
        state = "partial" if covered > 1 - COVERED_MIN else "failed"
        reason = f"stacks cover {units.percent(covered)} of the steps that were sampled"
        return replace(status, state=state, reason=reason)
    if said is not None:
        return replace(status, state=said.get("state", "failed"), reason=said.get("reason"))
    if lost:
        return _without(status, lost)
    blocks = {step.block.value for step in timeline.steps}
    if status.name in ("torch", "cprofile") and status.name not in blocks:
        return replace(status, state="unavailable", reason=NO_BLOCK)
    return status


def _covered(timeline: Timeline) -> float | None:
    """Return for which part of the steps with a stack sampler there are stacks; None without such steps."""
    steps = [step for step in timeline.steps if step.block in (Block.STACKS, Block.DISTURBED)]
    total = sum(step.duration_ns for step in steps)
    if not total:
        return None
    samples = timeline.samples
    mine = samples.track == timeline.main_track
    start = np.maximum(samples.start_ns[mine], steps[0].start_ns)
    end = np.minimum(samples.end_ns[mine], steps[-1].end_ns)
    return float(np.maximum(end - start, 0).sum()) / total


def _without(status: CollectorStatus, lost: Sequence[Mapping[str, Any]]) -> CollectorStatus:
    """Return the status of a collector some of whose patch points this torch lacks, or all of them."""
    points = lost[0].get("points")
    whole = isinstance(points, int) and len(lost) >= points
    named = [f"{row.get('missing')}: {row.get('lost')}" for row in lost[:NAMED_MAX]]
    more = [f"and {len(lost) - NAMED_MAX} more"] if len(lost) > NAMED_MAX else []
    return replace(status, state="unavailable" if whole else "partial", reason="; ".join([*named, *more]))
