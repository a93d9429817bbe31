"""Describe the devices of a run from its torch block, as they are in the clean steps.

What devices run takes as long under torch.profiler as without it; what the host does between takes longer. So
the time in which devices were idle is brought down to what the clean steps leave for it.
"""

from __future__ import annotations

from dataclasses import replace

from throughput.attribute.trace import devices_of
from throughput.attribute.trace_replay import replayed
from throughput.attribute.trace_split import split_trace
from throughput.attribute.trace_spots import Spots
from throughput.model.attribution import DeviceShare, DeviceSplit, Starver, TraceReplay
from throughput.model.trace import RankTrace


def devices_of_block(
    trace: RankTrace | None, clean_step_ns: float
) -> tuple[tuple[DeviceSplit, ...], TraceReplay | None]:
    """Return the devices and the replay of a run's torch block; nothing where no device worked.

    Args:
        trace: the block's.
        clean_step_ns: mean length of the clean steps.
    """
    if trace is None or not trace.timeline.steps or clean_step_ns <= 0:
        return (), None
    spots = Spots(trace, split_trace(trace))
    traced = float(spots.split.durations.mean())
    devices = tuple(_fitted(one, traced, clean_step_ns) for one in devices_of(spots))
    return devices, replayed(trace, spots.calls, clean_step_ns)


def _fitted(one: DeviceSplit, traced_ns: float, clean_ns: float) -> DeviceSplit:
    """Return a device whose work takes what it took, and whose idle time is what is left of a clean step."""
    busy = min(one.busy_share * traced_ns, clean_ns)
    before, left = traced_ns - one.busy_share * traced_ns, clean_ns - busy
    part = left / before if before > 0 else 0.0
    longer = traced_ns / clean_ns
    return replace(
        one,
        busy_share=busy / clean_ns,
        idle_share=left / clean_ns,
        categories=tuple(_share(share, longer) for share in one.categories),
        idle=tuple(
            replace(
                cause,
                ns_per_step=cause.ns_per_step * part,
                share=cause.ns_per_step * part / clean_ns,
                starvers=tuple(_starver(starver, part, clean_ns) for starver in cause.starvers),
            )
            for cause in one.idle
        ),
        after_sync=tuple(_starver(starver, part, clean_ns) for starver in one.after_sync),
        dispatch_ns_per_step=None if one.dispatch_ns_per_step is None else one.dispatch_ns_per_step * part,
    )


def _share(share: DeviceShare, longer: float) -> DeviceShare:
    return replace(
        share,
        busy=None if share.busy is None else min(1.0, share.busy * longer),
        exposed=None if share.exposed is None else min(1.0, share.exposed * longer),
    )


def _starver(starver: Starver, part: float, clean_ns: float) -> Starver:
    ns = starver.ns_per_step * part
    return replace(starver, ns_per_step=ns, share=min(1.0, ns / clean_ns))
