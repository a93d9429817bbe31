"""Split the steps of a trace among the categories, exactly, for each device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughput.attribute.intervals import Coverage, ratio_interval, together
from throughput.attribute.trace_layers import Layer, claimed, device_layers, host_layers
from throughput.model.attribution import DeviceShare, SplitRow, StepBreakdown
from throughput.model.category import CATEGORIES, Category, Source, State
from throughput.model.timeline import DEVICE_KINDS, Ints, Step
from throughput.model.trace import RankTrace

COLUMN = {category: number for number, category in enumerate(CATEGORIES)}
NO_STACKS = "the trace has no Python functions (record it with_stack=True)"
UNSEEN = {
    Category.CPU_STARVED: "a trace does not show waits for a CPU",
    Category.LOCK_CONTENTION: "a trace does not show waits for locks",
}
"""Categories of which a trace says nothing: their time is among idle, host work and unattributed."""
LOADER_ONLY = "no DataLoader was seen; loading by other means counts as host work or is unattributed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneDevice:
    """One device's layers, what of each no earlier one covers; parts of shape (steps, categories)."""

    device: int
    layers: tuple[Layer, ...]
    claimed: tuple[Coverage, ...]
    parts: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSplit:
    """The steps of a trace, split for each device; without a device there is one entry, numbered -1."""

    start_ns: Ints
    end_ns: Ints
    devices: tuple[OneDevice, ...]

    @property
    def durations(self) -> Ints:
        """Wall time of each step, ns."""
        return self.end_ns - self.start_ns

    @property
    def parts(self) -> Ints:
        """Parts of the mean device, shape (steps, categories); each row sums to the step's duration."""
        mean = sum((one.parts for one in self.devices), np.zeros_like(self.devices[0].parts))
        mean //= len(self.devices)
        mean[:, COLUMN[Category.UNATTRIBUTED]] += self.durations - mean.sum(axis=1)
        return mean


def split_trace(trace: RankTrace) -> TraceSplit:
    """Return every step of a trace, split for each of its devices."""
    start, end = edges(trace.timeline.steps)
    host = host_layers(trace)
    on_host = claimed(host)
    numbers = np.unique(trace.events.device.device).tolist() or [-1]
    return TraceSplit(
        start_ns=start,
        end_ns=end,
        devices=tuple(
            _one(number, device_layers(trace, number), (host, on_host), (start, end)) for number in numbers
        ),
    )


def edges(steps: Sequence[Step]) -> tuple[Ints, Ints]:
    """Return when steps begin and end."""
    return (
        np.array([s.start_ns for s in steps], dtype=np.int64),
        np.array([s.end_ns for s in steps], dtype=np.int64),
    )


def _one(
    device: int, ran: list[Layer], host: tuple[list[Layer], list[Coverage]], steps: tuple[Ints, Ints]
) -> OneDevice:
    """Return one device: what it ran claims time before what the host did, which is the same for all."""
    work = together([layer.spans for layer in ran])
    layers = [*ran, *host[0]]
    mine = [*claimed(ran), *(cover.without(work) for cover in host[1])]
    parts = np.zeros((len(steps[0]), len(CATEGORIES)), dtype=np.int64)
    for layer, cover in zip(layers, mine, strict=True):
        parts[:, COLUMN[layer.category]] += cover.within(*steps)
    parts[:, COLUMN[Category.UNATTRIBUTED]] += steps[1] - steps[0] - parts.sum(axis=1)
    return OneDevice(device=device, layers=tuple(layers), claimed=tuple(mine), parts=parts)


def breakdowns(trace: RankTrace, split: TraceSplit) -> tuple[StepBreakdown, ...]:
    """Return the steps as values that check their sums."""
    return tuple(
        StepBreakdown(
            index=step.index,
            duration_ns=step.duration_ns,
            parts_ns={category: int(row[number]) for category, number in COLUMN.items() if row[number]},
        )
        for step, row in zip(trace.timeline.steps, split.parts, strict=True)
    )


def split_rows(trace: RankTrace, split: TraceSplit) -> tuple[SplitRow, ...]:
    """Return each category's mean share with its interval, source and state."""
    parts, durations = split.parts, split.durations.astype(np.float64)
    low, high = ratio_interval(parts.astype(np.float64), durations, max(1, round(len(durations) ** (1 / 3))))
    rows = []
    for category, number in COLUMN.items():
        share = float(parts[:, number].sum() / durations.sum())
        source, state, reason = _standing(category, trace, share)
        shown = state in (State.MEASURED, State.PARTIAL)
        rows.append(
            SplitRow(
                category=category,
                share=share if shown else None,
                low=min(share, float(low[number])) if shown else None,
                high=max(share, float(high[number])) if shown else None,
                ns_per_step=float(parts[:, number].mean()) if shown else None,
                source=source,
                state=state,
                reason=reason,
            )
        )
    return tuple(rows)


def _standing(category: Category, trace: RankTrace, share: float) -> tuple[Source, State, str | None]:
    """Return what a category's figure comes from, what it is worth, and why it is worth no more."""
    on_device = bool(len(trace.events.device.kind))
    if category in UNSEEN:
        return Source.NONE, State.NOT_MEASURED, UNSEEN[category]
    of_device = (Category.HOST_TO_DEVICE, Category.OTHER_MEMORY, Category.SYNCHRONIZATION)
    if category in of_device and not on_device:
        return Source.NONE, State.NOT_APPLICABLE, "no device"
    alone = (trace.events.world_size or 1) < 2
    if category is Category.COMMUNICATION and not share and alone:
        return Source.NONE, State.NOT_APPLICABLE, "one process"
    if category in DEVICE_KINDS and on_device:
        return Source.DEVICE, State.MEASURED, None
    return _host_standing(category, trace, share)


def _host_standing(category: Category, trace: RankTrace, share: float) -> tuple[Source, State, str | None]:
    facts: dict[str, Any] = trace.timeline.facts.get("trace") or {}
    if category in (Category.LOGGING_CHECKPOINT, Category.IDLE) and not share and not facts.get("python"):
        return Source.NONE, State.NOT_MEASURED, NO_STACKS
    if category is Category.DATA_LOADING and not share:
        return Source.OPERATORS, State.PARTIAL, LOADER_ONLY
    if category is Category.HOST_WORK and not facts.get("python"):
        return Source.OPERATORS, State.PARTIAL, f"only near operators: {NO_STACKS}"
    return Source.OPERATORS, State.MEASURED, None


def device_shares(split: TraceSplit, one: OneDevice) -> tuple[DeviceShare, ...]:
    """Return what each category took on one device: busy, and exposed."""
    total = float(split.durations.sum())
    found = []
    for category, number in COLUMN.items():
        if category in UNSEEN:
            continue
        mine = [layer.spans for layer in one.layers if layer.category is category]
        if category in DEVICE_KINDS and one.device >= 0:
            mine = mine[:1]  # what the device ran, not what the host did for it
        both = together(mine)
        busy = float(both.within(split.start_ns, split.end_ns).sum()) / total if mine else None
        exposed = float(one.parts[:, number].sum()) / total
        found.append(DeviceShare(category=category, busy=busy, exposed=exposed))
    return tuple(found)
