"""Split time between the device and the host: what the device did first, the rest by the training thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from throughput.attribute.intervals import Coverage, Floats
from throughput.attribute.view import PHASES
from throughput.model.category import Block, Category, Phase, Source, State
from throughput.model.timeline import DEVICE_KINDS, DeviceWork, Ints, Step, Timeline

STEPS_MIN = 3
"""Of the torch block, below which its proportions are called partial."""
DISPATCH_NS_MAX = 100_000
"""Operators that don't call the device are work on CPU tensors only above it: views and allocations of device
tensors take 1 to 20 us."""
NO_INTERVALS = "no device intervals were recorded: what the device did meanwhile is not known"
DEVICE_CATEGORIES = (*DEVICE_KINDS, Category.HOST_WORK, Category.IDLE)
"""Categories that mean another thing when the device's work is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceShares:
    """What the busiest device did in the steps of the torch block."""

    device: int
    devices: int
    steps: int
    of_phase: Floats
    """Share of each phase's time in the clean steps, exposed, shape (phases, device kinds)."""
    spread: Floats
    """1.96 standard errors of each kind's exposed share of a step."""
    work: Coverage
    """All that this device ran."""

    @property
    def host(self) -> Floats:
        """Share of each phase in which the device did nothing."""
        return np.asarray(np.maximum(1.0 - self.of_phase.sum(axis=1), 0.0), dtype=np.float64)


def device_shares(timeline: Timeline, clean_ns: Floats) -> DeviceShares | None:
    """Return what the device did in a step; None where no device intervals were recorded.

    Kernels and copies take as long under torch.profiler as without it, while what the host does between them
    takes up to twice as long: so their time is taken from the torch block as it is, not their share.

    Args:
        timeline: one rank's.
        clean_ns: what each phase takes in a clean step, shape (phases,).
    """
    block = [s for s in timeline.steps if s.block is Block.TORCH and s.duration_ns > 0]
    device = busiest(timeline.device_work, block)
    if device is None:
        return None
    layers = layers_of(timeline.device_work, device)
    start, end, phase = _segments(timeline, block)
    exposed = exposed_within(layers, start, end)
    by_phase = np.stack(
        [np.bincount(phase, weights=exposed[:, k], minlength=PHASES) for k in range(len(DEVICE_KINDS))],
        axis=1,
    )
    fitted = fitted_into(by_phase / len(block), clean_ns)
    stretch = float(np.mean([s.duration_ns for s in block])) / max(float(clean_ns.sum()), 1.0)
    return DeviceShares(
        device=device,
        devices=len(np.unique(timeline.device_work.device)),
        steps=len(block),
        of_phase=np.divide(fitted, clean_ns[:, None], out=np.zeros_like(fitted), where=clean_ns[:, None] > 0),
        spread=_spread(layers, block) * stretch,
        work=layers[-1],
    )


def fitted_into(exposed_ns: Floats, phase_ns: Floats) -> Floats:
    """Return exposed times, shape (phases, kinds), such that those of no phase exceed what it takes.

    What doesn't fit went on in the phases that follow: it is spread over what is free in them.
    """
    wanted = exposed_ns.sum(axis=1)
    kept = np.minimum(wanted, phase_ns)
    fitted = exposed_ns * np.divide(kept, wanted, out=np.zeros_like(kept), where=wanted > 0)[:, None]
    free = phase_ns - kept
    over = (exposed_ns - fitted).sum(axis=0)
    room = min(1.0, float(free.sum()) / max(float(over.sum()), 1.0))
    if free.sum() > 0:
        fitted = fitted + np.outer(free / free.sum(), over * room)
    return np.asarray(fitted, dtype=np.float64)


def busiest(work: DeviceWork, steps: Sequence[Step]) -> int | None:
    """Return the device that worked longest within the steps; None where none did.

    The split is of one device: of several in one process, work of one must not hide that of another.
    """
    start, end = _bounds(steps)
    ran = {
        int(device): int(layers_of(work, int(device))[-1].within(start, end).sum())
        for device in np.unique(work.device)
    }
    most = max(ran, key=lambda device: ran[device], default=None)
    return most if most is not None and ran[most] > 0 else None


def layers_of(work: DeviceWork, device: int) -> list[Coverage]:
    """Return what one device ran, for each kind with the kinds that claim time before it."""
    mine = work.device == device
    return [
        Coverage(work.start_ns[mine & (work.kind <= kind)], work.end_ns[mine & (work.kind <= kind)])
        for kind in range(len(DEVICE_KINDS))
    ]


def exposed_within(layers: Sequence[Coverage], start: Ints, end: Ints) -> Ints:
    """Return each kind's exposed time within spans, shape (spans, device kinds)."""
    covered = [layer.within(start, end) for layer in layers]
    return np.stack([covered[0], *(b - a for a, b in pairwise(covered))], axis=1)


Standing = tuple[Source, State, str | None]
"""What a category's figure comes from, what it is worth, and why it is worth no more."""


def standing(category: Category, by_host: Standing, shares: DeviceShares | None, is_seen: bool) -> Standing:
    """Return what a category's figure is worth on a run with a device.

    Args:
        category: the category.
        by_host: what it is worth by what the training thread did.
        shares: what the device did, where that was recorded.
        is_seen: whether any time went to it.
    """
    if shares is None:
        if category is Category.OTHER_MEMORY:
            return Source.NONE, State.NOT_MEASURED, NO_INTERVALS
        if category in DEVICE_CATEGORIES and by_host[1] is State.MEASURED:
            return by_host[0], State.PARTIAL, NO_INTERVALS
        return by_host
    if category not in DEVICE_KINDS or (category is Category.COMMUNICATION and not is_seen):
        return by_host
    reasons = []
    if shares.devices > 1:
        reasons.append(f"of device {shares.device}, the busiest of {shares.devices} in this process")
    if shares.steps < STEPS_MIN:
        reasons.append(f"in the proportions of {shares.steps} traced steps")
    return Source.DEVICE, State.PARTIAL if reasons else State.MEASURED, "; ".join(reasons) or None


def operator_time(timeline: Timeline, shares: DeviceShares) -> tuple[Floats, Floats]:
    """Return, by phase, operators on CPU tensors and all time while the device did nothing."""
    block = [s for s in timeline.steps if s.block is Block.TORCH and s.duration_ns > 0]
    start, end, phase = _segments(timeline, block)
    operators = timeline.operators
    lasts = operators.end_ns - operators.start_ns > DISPATCH_NS_MAX
    here = lasts & (operators.device_calls == 0) if len(operators.device_calls) else lasts
    both = Coverage(
        np.concatenate([operators.start_ns[here], shares.work.start]),
        np.concatenate([operators.end_ns[here], shares.work.end]),
    )
    worked = shares.work.within(start, end)
    covered = np.bincount(phase, weights=both.within(start, end) - worked, minlength=PHASES)
    wall = np.bincount(phase, weights=end - start - worked, minlength=PHASES)
    return np.minimum(covered, wall).astype(np.float64), wall.astype(np.float64)


def _segments(timeline: Timeline, steps: Sequence[Step]) -> tuple[Ints, Ints, Ints]:
    """Return start, end and phase of the segments inside the steps."""
    segments = timeline.segments
    inside = np.zeros(len(segments.start_ns), dtype=bool)
    for step in steps:
        inside |= (segments.start_ns >= step.start_ns) & (segments.end_ns <= step.end_ns)
    phase = np.clip(segments.phase[inside], int(Phase.REST), PHASES - 1)
    return segments.start_ns[inside], segments.end_ns[inside], phase


def _bounds(steps: Sequence[Step]) -> tuple[Ints, Ints]:
    return (
        np.array([s.start_ns for s in steps], dtype=np.int64),
        np.array([s.end_ns for s in steps], dtype=np.int64),
    )


def _spread(layers: Sequence[Coverage], steps: Sequence[Step]) -> Floats:
    """Return 1.96 standard errors of each kind's share of a step; a single step says nothing of it."""
    start, end = _bounds(steps)
    if len(steps) < 2:
        return np.ones(len(layers))
    shares = exposed_within(layers, start, end) / (end - start)[:, None]
    return np.asarray(1.96 * shares.std(axis=0, ddof=1) / np.sqrt(len(steps)), dtype=np.float64)
