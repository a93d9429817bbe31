"""Attribute a trace: the split of its mean device, each device, idle gaps by cause, and hotspots."""

from __future__ import annotations

import numpy as np

from throughput.attribute.flame_kernels import kernel_rows
from throughput.attribute.flame_paths import Paths
from throughput.attribute.split import nothing
from throughput.attribute.trace_gaps import CAUSES, Gaps, gaps_of
from throughput.attribute.trace_layers import COPY_CALL, SYNC, dispatching
from throughput.attribute.trace_replay import replayed
from throughput.attribute.trace_split import (
    OneDevice,
    TraceSplit,
    breakdowns,
    device_shares,
    split_rows,
    split_trace,
)
from throughput.attribute.trace_spots import Spots, after_sync, hotspots, starvers
from throughput.model.attribution import Attribution, DeviceSplit, IdleCause
from throughput.model.flame import Flames
from throughput.model.trace import RankTrace, SpanKind

SHOWN = 20


def attribute_trace(trace: RankTrace) -> Attribution:
    """Attribute every nanosecond of every step of a trace to exactly one category.

    Returns:
        The breakdown of the mean device, and each device in `devices`. The parts of a step sum to its
        duration whatever the trace; without steps every category is "not measured".
    """
    if not trace.timeline.steps:
        return Attribution(rank=trace.timeline.rank, steps=(), split=nothing(), hotspots=())
    spots = Spots(trace, split_trace(trace))
    split = spots.split
    ranked = hotspots(spots)
    return Attribution(
        rank=trace.timeline.rank,
        steps=breakdowns(trace, split),
        split=split_rows(trace, split),
        hotspots=ranked[:SHOWN],
        functions=ranked,
        flames=_flames(spots),
        trace_replay=replayed(trace, spots.calls),
        devices=devices_of(spots),
    )


def devices_of(spots: Spots) -> tuple[DeviceSplit, ...]:
    """Return each device of a trace."""
    return tuple(_device(spots, one) for one in spots.split.devices if one.device >= 0)


def _flames(spots: Spots) -> Flames:
    """Return the flame graph of what devices ran."""
    timeline = spots.trace.timeline
    paths = Paths.of(timeline.stacks)
    rows = kernel_rows(timeline.device_work, timeline.steps, paths, spots.launchers(), are_shown=True)
    return Flames(stacks=paths.table(), tabs=(rows,)) if len(rows.stack) else Flames()


def _device(spots: Spots, one: OneDevice) -> DeviceSplit:
    trace, split = spots.trace, spots.split
    gaps = gaps_of(trace, split, one, spots.calls)
    total = float(split.durations.sum())
    idle = float((gaps.end_ns - gaps.start_ns).sum()) / total
    return DeviceSplit(
        rank=trace.timeline.rank,
        device=one.device,
        name=trace.events.device_names.get(one.device),
        busy_share=1.0 - idle,
        idle_share=idle,
        categories=device_shares(split, one),
        idle=tuple(_cause(spots, split, gaps, cause) for cause in CAUSES),
        after_sync=after_sync(spots, gaps),
        dispatch_ns_per_step=_dispatch_ns(spots, gaps) / len(split.durations),
    )


def _dispatch_ns(spots: Spots, gaps: Gaps) -> float:
    """Return for how long the device waited while the host was in operators that give it work."""
    idle, read = gaps.of("host_wait"), spots.read
    calls = read.events.named(SpanKind.RUNTIME, lambda name: COPY_CALL.search(name) or SYNC.match(name))
    working = dispatching(read).without(
        read.cover(calls[np.isin(read.events.host.thread[calls], read.launching)])
    )
    return float(idle.within(working.start, working.end).sum())


def _cause(spots: Spots, split: TraceSplit, gaps: Gaps, cause: str) -> IdleCause:
    mine = gaps.cause == CAUSES.index(cause)
    ns = float(np.sum((gaps.end_ns - gaps.start_ns)[mine]))
    return IdleCause(
        cause=cause,
        ns_per_step=ns / len(split.durations),
        share=ns / float(split.durations.sum()),
        gaps=int(mine.sum()),
        starvers=starvers(spots, gaps) if cause == "host_wait" and ns else (),
    )
