"""Say why a device did nothing: nothing was queued, a pause between kernels, or another wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughput.attribute.intervals import Coverage
from throughput.attribute.trace_split import OneDevice, TraceSplit
from throughput.model.category import Category
from throughput.model.timeline import DEVICE_KINDS, Ints
from throughput.model.trace import RankTrace, SpanKind

KERNEL_WAIT_NS = 30_000
"""A device needs 1 to 10 us from one queued kernel to the next; a longer pause is another wait."""
CAUSES = ("host_wait", "kernel_wait", "other")
"""HTA's terms: the launch came after the device ran dry; a short pause between queued work; all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """One device's gaps within the steps: columns of equal length; `cause` indexes CAUSES."""

    start_ns: Ints
    end_ns: Ints
    cause: Ints

    def of(self, cause: str) -> Coverage:
        """Return the gaps of one cause."""
        mine = self.cause == CAUSES.index(cause)
        return Coverage(self.start_ns[mine], self.end_ns[mine])


def launches(trace: RankTrace) -> Ints:
    """Return for each span of a device the host's call that began it; -1 where it isn't there."""
    host, device = trace.events.host, trace.events.device
    rows = np.flatnonzero((host.kind == int(SpanKind.RUNTIME)) & (host.correlation >= 0))
    numbers = host.correlation[rows]
    order = np.argsort(numbers, kind="stable")
    numbers, rows = numbers[order], rows[order]
    if not len(rows):
        return np.full(len(device.kind), -1, dtype=np.int64)
    # Of several calls with one number the last: it is the innermost.
    place = np.searchsorted(numbers, device.correlation, side="right") - 1
    known = (place >= 0) & (numbers[np.maximum(place, 0)] == device.correlation)
    return np.where(known, rows[np.maximum(place, 0)], -1)


def gaps_of(trace: RankTrace, split: TraceSplit, one: OneDevice, calls: Ints) -> Gaps:
    """Return the times within the steps in which a device did nothing, with the cause of each.

    `calls` are the `launches` of the trace.
    """
    device = trace.events.device
    mine = np.flatnonzero(device.device == one.device)
    work = Coverage(device.start_ns[mine], device.end_ns[mine])
    idle = Coverage(split.start_ns, split.end_ns).without(work)
    start, end = idle.start, idle.end
    # What ends a gap is the next thing that the device does; gaps at a step's edge belong to the same wait.
    place = np.searchsorted(device.start_ns[mine], end)
    follows = mine[np.minimum(place, len(mine) - 1)]
    last = np.searchsorted(work.end, end, side="right") - 1
    dry_from = np.where(last >= 0, np.minimum(work.end[np.maximum(last, 0)], start), start)
    known, queued = _queued(trace, follows, calls[follows])
    cause = np.full(len(start), CAUSES.index("other"), dtype=np.int64)
    cause[known & (queued >= dry_from)] = CAUSES.index("host_wait")
    cause[known & (queued < dry_from) & (end - start <= KERNEL_WAIT_NS)] = CAUSES.index("kernel_wait")
    # Nothing came any more: the host had queued nothing until the trace ended.
    cause[place >= len(mine)] = CAUSES.index("host_wait")
    return Gaps(start_ns=start, end_ns=end, cause=cause)


def _queued(trace: RankTrace, spans: Ints, call: Ints) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Return whether the call that queued each span is known, and when it queued it."""
    host, device = trace.events.host, trace.events.device
    known = call >= 0
    if not known.any():
        return known, np.zeros(len(spans), dtype=np.int64)
    begun, returned = host.start_ns[np.maximum(call, 0)], host.end_ns[np.maximum(call, 0)]
    kernels = [DEVICE_KINDS.index(c) for c in (Category.COMPUTE, Category.COMMUNICATION)]
    # A call that returns when its copy is done prepares it meanwhile: the copy was queued when it began.
    blocks = (returned >= device.end_ns[spans]) & ~np.isin(device.kind[spans], kernels)
    return known, np.where(blocks, device.start_ns[spans], begun)
