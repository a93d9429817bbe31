"""Turn a torch.profiler trace into what devices ran, and into totals of copies, syncs and kernels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughput.align.torch_trace import OPERATOR, RUNTIME, Event, Tid, Trace, arguments_of, clocked
from throughput.model.category import Category
from throughput.model.timeline import DEVICE_KINDS, DeviceWork, Ints

KERNEL, COPY, MEMSET = ("kernel", "Kernel"), ("gpu_memcpy", "Memcpy"), ("gpu_memset", "Memset")
"""Categories of device work, as traces since 2021 and before name them."""
COLLECTIVE = re.compile(
    r"nccl|rccl|nvshmem|deep_?ep|dpsk::ep|cross_device_reduce|all_?reduce|all_?gather|reduce_?scatter"
    r"|all_?to_?all|send_?recv",
    re.IGNORECASE,
)
"""Kernels that talk to other devices; libraries beside NCCL name theirs by what they do."""
DIRECTION = re.compile(r"\b([HDP])to([HDP])\b|Copy(Host|Device)To(Host|Device)")
SYNC = re.compile(r"^(cuda|hip|cu)(Stream|Device|Event|Ctx)Synchronize")
WAITING_COPY = re.compile(r"^(cudaMemcpy|hipMemcpy)(WithStream|DtoH|HtoD|2D)?$")
"""Copies that return when they are done."""


@dataclass(frozen=True, slots=True)
class _Copied:
    """One copy as the device ran it."""

    event: Event
    direction: str
    pinned: bool | None
    bytes: float
    correlation: int | str | None


@dataclass(frozen=True, slots=True)
class _Called:
    """One call of the device's runtime by the training thread, and the operator around it (-1: none)."""

    event: Event
    operator: int


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


def device_facts(
    trace: Trace, thread: Tid | None, window_us: tuple[float, float], steps: int
) -> dict[str, Any] | None:
    """Return totals over the steps in a window, in the form that rules read; None where no device worked.

    Args:
        trace: the trace.
        thread: the training thread as the trace numbers it.
        window_us: from when to when the steps went, on the trace's own clock.
        steps: how many there were.
    """
    first, last = window_us
    inside = [e for e in trace.spans(*KERNEL, *COPY, *MEMSET) if first <= e.ts < last]
    if not inside or not steps:
        return None
    calls, names = _calls(trace, thread, window_us)
    copied = [_copied(e) for e in inside if e.cat in COPY]
    kernels = [e for e in inside if e.cat in KERNEL]
    return {
        "steps": steps,
        "copies": _copies(copied, calls),
        "syncs": _syncs(copied, calls, names),
        "kernels": {"count": len(kernels), "busy_ns": _busy_ns(kernels)},
    }


def _category(event: Event) -> Category:
    if event.cat in KERNEL:
        return Category.COMMUNICATION if COLLECTIVE.search(event.name) else Category.COMPUTE
    sends = event.cat in COPY and _direction(event.name) == "h2d"
    return Category.HOST_TO_DEVICE if sends else Category.OTHER_MEMORY


def _direction(name: str) -> str:
    found = DIRECTION.search(name)
    if found is None:
        return "other"
    here, there, long_here, long_there = found.groups()
    return f"{(here or long_here)[0]}2{(there or long_there)[0]}".lower()


def _device(event: Event) -> int:
    """Return the device's number; copies between devices carry none, there the process number is it."""
    for value in (arguments_of(event).get("device"), event.pid):
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            return value
    return 0


def _copied(event: Event) -> _Copied:
    args = arguments_of(event)
    size = args.get("bytes")
    pinned = True if "Pinned" in event.name else False if "Pageable" in event.name else None
    number = float(size) if isinstance(size, (int, float)) and 0 <= size < 2.0**62 else 0.0
    return _Copied(event, _direction(event.name), pinned, number, _correlation(event))


def _correlation(event: Event) -> int | str | None:
    """Return what a call and the device work that it began have in common."""
    found = arguments_of(event).get("correlation")
    return found if isinstance(found, (int, str)) else None


def _calls(
    trace: Trace, thread: Tid | None, window_us: tuple[float, float]
) -> tuple[list[_Called], list[str]]:
    """Return the thread's copies and waits with the innermost operator around each, and all names."""
    first, last = window_us
    events = sorted(
        (
            e
            for e in trace.spans(*RUNTIME)
            if e.tid == thread and first <= e.ts < last and (SYNC.match(e.name) or "emcpy" in e.name)
        ),
        key=lambda e: e.ts,
    )
    operators = sorted(
        (e for e in trace.spans(*OPERATOR) if e.tid == thread and not e.name.startswith("ProfilerStep")),
        key=lambda e: (e.ts, -e.dur),
    )
    found: list[_Called] = []
    open_: list[int] = []
    number = 0
    for event in events:
        while number < len(operators) and operators[number].ts <= event.ts:
            open_ = [n for n in open_ if operators[n].end > operators[number].ts]
            open_.append(number)
            number += 1
        open_ = [n for n in open_ if operators[n].end > event.ts]
        found.append(_Called(event, open_[-1] if open_ else -1))
    return found, [e.name for e in operators]


def _copies(copied: Sequence[_Copied], calls: Sequence[_Called]) -> list[dict[str, Any]]:
    """Return the copies, summed by direction, kind of memory, and whether the thread waited."""
    launches: dict[int | str | None, _Called] = {}
    waits: dict[int, float] = {}
    for call in calls:
        if SYNC.match(call.event.name):
            waits[call.operator] = max(waits.get(call.operator, 0.0), call.event.ts)
        else:
            launches[_correlation(call.event)] = call
    rows: dict[tuple[str, bool | None, bool | None], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for copy in copied:
        launch = launches.get(copy.correlation) if copy.correlation is not None else None
        row = rows[copy.direction, copy.pinned, _waited(launch, waits)]
        for place, amount in enumerate((copy.event.dur * 1e3, copy.bytes, 1)):
            row[place] += amount
    return [
        {
            "direction": direction,
            "pinned": pinned,
            "blocking": blocking,
            "ns": round(ns),
            "bytes": round(size),
            "count": round(count),
        }
        for (direction, pinned, blocking), (ns, size, count) in rows.items()
    ]


def _waited(launch: _Called | None, waits: Mapping[int, float]) -> bool | None:
    """Return whether the thread waited for a copy within the operator that began it; None where unknown."""
    if launch is None:
        return None
    if WAITING_COPY.match(launch.event.name):
        return True
    return launch.operator >= 0 and waits.get(launch.operator, -1.0) >= launch.event.ts


def _syncs(copied: Sequence[_Copied], calls: Sequence[_Called], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the waits for the device by the operator that waited, without those of copies to it."""
    directions: dict[int | str | None, str] = {
        copy.correlation: copy.direction for copy in copied if copy.correlation is not None
    }
    within: dict[int, str] = {}
    for call in calls:
        direction = directions.get(_correlation(call.event))
        if direction is not None:
            within[call.operator] = direction
    rows: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for call in calls:
        if not SYNC.match(call.event.name):
            continue
        direction = within.get(call.operator) if call.operator >= 0 else None
        if direction == "h2d":
            continue
        name = names[call.operator] if call.operator >= 0 else call.event.name
        row = rows[f"{name} to the cpu" if direction == "d2h" and name == "aten::copy_" else name]
        row[0] += call.event.dur * 1e3
        row[1] += 1
    return [{"name": name, "ns": round(ns), "count": round(count)} for name, (ns, count) in rows.items()]


def _busy_ns(events: Sequence[Event]) -> int:
    """Return how long at least one of these ran, summed over devices."""
    by_device: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        by_device[_device(event)].append(event)
    return sum(_union_ns(*clocked(mine, 0)) for mine in by_device.values())


def _union_ns(start: Ints, end: Ints) -> int:
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    before = np.concatenate([start[:1], np.maximum.accumulate(end)[:-1]])
    return int(np.maximum(end - np.maximum(start, before), 0).sum())
