"""Turn a torch.profiler trace into what devices ran."""

from __future__ import annotations

import numpy as np

from throughput.align.torch_trace import Event, Trace, arguments_of, clocked
from throughput.align.trace_columns import COLLECTIVE
from throughput.align.trace_facts import direction_of
from throughput.model.category import Category
from throughput.model.timeline import DEVICE_KINDS, DeviceWork

KERNEL, COPY, MEMSET = ("kernel", "Kernel"), ("gpu_memcpy", "Memcpy"), ("gpu_memset", "Memset")
"""Categories of device work, as traces since 2021 and before name them."""


def work_of(trace: Trace, wall_to_monotonic_ns: int) -> DeviceWork:
    """Return everything that devices ran, on the run's clock."""
    events = trace.spans(*KERNEL, *COPY, *MEMSET)
    if not events:
        return DeviceWork()
    start, end = clocked(events, trace.baseTimeNanoseconds + wall_to_monotonic_ns)
    names = {name: number for number, name in enumerate(dict.fromkeys(e.name for e in events))}
    return DeviceWork(
        device=np.array([_device(e) for e in events], dtype=np.int64),
        kind=np.array([DEVICE_KINDS.index(_category(e)) for e in events], dtype=np.int64),
        start_ns=start,
        end_ns=end,
        name=np.array([names[e.name] for e in events], dtype=np.int64),
        names=tuple(names),
    )


def _category(event: Event) -> Category:
    if event.cat in KERNEL:
        return Category.COMMUNICATION if COLLECTIVE.search(event.name) else Category.COMPUTE
    sends = event.cat in COPY and direction_of(event.name) == "h2d"
    return Category.HOST_TO_DEVICE if sends else Category.OTHER_MEMORY


def _device(event: Event) -> int:
    """Return the device's number; copies between devices carry none, there the process number is it."""
    for value in (arguments_of(event).get("device"), event.pid):
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            return value
    return 0
