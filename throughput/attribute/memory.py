"""Turn the counters of processes into a run's memory: peaks, limit, and growth a step with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from throughput.model.memory import Memory, MemoryGrowth, ProcessMemory
from throughput.model.timeline import Counter, Ints, Timeline

Floats = npt.NDArray[np.float64]

PARTS = 8
"""The window is cut into so many: their medians ignore single spikes, and seven rises give an interval."""
STUDENT = {4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447}
"""97.5 % point of Student's t for the mean of so many rises."""
COPIES_MIN = 5
"""Own pages are read every three seconds: four rises."""
READINGS_MIN = 24
"""Three a part: 6 s at four readings a second."""
STEADY = 0.5
"""Memory that is being filled once (a cache, an allocator's pools) rises less and less."""
PROCESSES_MAX = 32
TRAINING, OTHER = "training process", "other process"
WORKER, WORKERS = "DataLoader worker", "DataLoader workers"
COPIES = "pages that DataLoader workers copy"
"""Of the training process's memory, when they write to it: counts of references, for the most part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """Private memory over the window."""

    role: str
    time_ns: Ints
    value: Floats


def memory_of(timeline: Timeline, environment: Mapping[str, Any]) -> Memory | None:
    """Return the memory of a rank and of what it started; None where it was not sampled."""
    resident = _by_pid(timeline, "rss_bytes")
    if not resident:
        return None
    shared, proportional = _by_pid(timeline, "shared_bytes"), _by_pid(timeline, "pss_bytes")
    roles = _roles(timeline)
    processes = sorted(
        (
            ProcessMemory(
                pid=pid,
                role=roles.get(pid, OTHER),
                rss_peak_bytes=_peak(counter),
                shared_peak_bytes=_peak(shared[pid]) if pid in shared else None,
                pss_bytes=float(proportional[pid].value[-1]) if pid in proportional else None,
            )
            for pid, counter in resident.items()
        ),
        key=lambda process: -process.rss_peak_bytes,
    )
    limit, source = _limit(timeline, environment)
    growth, missing = _growth(timeline, (resident, shared), limit)
    used = [c for c in timeline.counters if c.name.endswith("_memory_used_bytes") and len(c.value)]
    fullest = max(used, key=_peak, default=None)
    return Memory(
        rss_peak_bytes=processes[0].rss_peak_bytes,
        rss_peak_by_pid={str(p.pid): p.rss_peak_bytes for p in processes},
        processes=tuple(processes[:PROCESSES_MAX]),
        shared_memory_bytes=_machine(timeline, "memory_shared_bytes"),
        limit_bytes=limit,
        limit_source=source,
        growth=growth,
        growth_missing=missing,
        tensors=timeline.tensors,
        device_peak_bytes=None if fullest is None else _peak(fullest),
        device_total_bytes=_machine(timeline, fullest.name.replace("used", "total")) if fullest else None,
    )


def _by_pid(timeline: Timeline, name: str) -> dict[int, Counter]:
    return {c.pid: c for c in timeline.counters if c.name == name and c.pid is not None and len(c.value)}


def _peak(counter: Counter) -> float:
    return float(np.max(counter.value))


def _machine(timeline: Timeline, name: str) -> float | None:
    """Return the peak of a counter of no process."""
    found = [_peak(c) for c in timeline.counters if c.name == name and c.pid is None and len(c.value)]
    return max(found, default=None)


def _roles(timeline: Timeline) -> dict[int, str]:
    roles = {track.pid: WORKER for track in timeline.tracks if track.role == "worker"}
    if timeline.tracks:
        roles[timeline.tracks[timeline.main_track].pid] = TRAINING
    return roles


def _limit(timeline: Timeline, environment: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """Return the tighter of the control group's limit and the machine's memory."""
    group, whole = environment.get("memory_limit_bytes"), _machine(timeline, "memory_total_bytes")
    if isinstance(group, int | float) and group > 0 and (whole is None or group < whole):
        return float(group), "control group"
    return whole, None if whole is None else "the machine's memory"


def _growth(
    timeline: Timeline, counters: tuple[dict[int, Counter], dict[int, Counter]], limit: float | None
) -> tuple[MemoryGrowth | None, str | None]:
    """Return the growth that is surest, or why there is none to tell."""
    start, end = timeline.window_ns
    steps = sum(s.block.is_clean for s in timeline.steps)
    roles = _roles(timeline)
    resident, shared = counters
    private = {pid: _private(c, shared.get(pid), (start, end)) for pid, c in resident.items()}
    levels = [
        _together(TRAINING, [private[pid] for pid in private if roles.get(pid) == TRAINING]),
        _together(WORKERS, [private[pid] for pid in private if roles.get(pid) == WORKER]),
    ]
    long = [level for level in levels if level is not None and len(level.value) >= READINGS_MIN]
    if not long or not steps:
        return None, "the measured steps were too short for it"
    used = sum(float(values[-1]) for _, values in private.values() if len(values))
    left, step_ns = _left(timeline, limit, used), (end - start) / steps
    grown = [_grown(level, step_ns, left) for level in long]
    copies = _copies(timeline, {pid: private[pid] for pid in private if roles.get(pid) == WORKER})
    if copies:
        whole = sum(float(values[-1]) for pid, (_, values) in private.items() if roles.get(pid) == TRAINING)
        copied = _Level(role=COPIES, time_ns=copies[0][0], value=np.sum([v for _, v in copies], axis=0))
        room = whole * len(copies) - float(copied.value[-1])
        ends = left is not None and room > left  # else all of it is copied before memory is full
        grown.append(_grown(copied, step_ns, left if ends else None))
    found = max(grown, key=lambda growth: growth.low)
    return (replace(found, kept=timeline.kept) if found.role == TRAINING else found), None


def _private(counter: Counter, shared: Counter | None, window_ns: tuple[int, int]) -> tuple[Ints, Floats]:
    """Return a process's memory without files and shared memory, which are not its own, in the window."""
    if shared is not None and len(shared.value) == len(counter.value):
        value = np.maximum(counter.value - shared.value, 0.0)
    else:
        value = counter.value
    inside = (counter.time_ns >= window_ns[0]) & (counter.time_ns <= window_ns[1]) & np.isfinite(value)
    return counter.time_ns[inside], value[inside]


def _together(role: str, series: Sequence[tuple[Ints, Floats]]) -> _Level | None:
    """Return the sum of those that were there all the time; None where none was."""
    most = max((len(time) for time, _ in series), default=0)
    whole = [(time, value) for time, value in series if most and len(time) == most]
    if not whole:
        return None
    return _Level(role=role, time_ns=whole[0][0], value=np.sum([value for _, value in whole], axis=0))


def _copies(timeline: Timeline, private: Mapping[int, tuple[Ints, Floats]]) -> list[tuple[Ints, Floats]]:
    """Return the pages that each worker has for itself, at the times of the first; none where hardly read.

    What it allocated itself since the window began is taken away: that grows its resident memory too.
    """
    start, end = timeline.window_ns
    found: list[tuple[Ints, Floats]] = []
    for pid, counter in _by_pid(timeline, "own_bytes").items():
        inside = (counter.time_ns >= start) & (counter.time_ns <= end)
        if inside.sum() < COPIES_MIN or pid not in private or not len(private[pid][0]):
            continue
        times, resident = private[pid]
        at = found[0][0] if found else counter.time_ns[inside]
        own = np.interp(at, counter.time_ns[inside], counter.value[inside])
        found.append((at, own - (np.interp(at, times, resident) - resident[0])))
    return found


def _left(timeline: Timeline, limit: float | None, used: float) -> float | None:
    """Return what is free at the end of the window: of the limit, and on the machine."""
    free = [c for c in timeline.counters if c.name == "memory_available_bytes" and c.pid is None]
    values = [c.value[c.time_ns <= timeline.window_ns[1]] for c in free]
    known = [float(value[-1]) for value in values if len(value)]
    return min([*known, *([] if limit is None else [max(limit - used, 0.0)])], default=None)


def _grown(level: _Level, step_ns: float, left: float | None) -> MemoryGrowth:
    """Return the mean rise from part to part, a step."""
    parts = min(PARTS, len(level.value))
    at = np.array([part.mean() for part in np.array_split(level.time_ns.astype(np.float64), parts)])
    medians = np.array([np.median(part) for part in np.array_split(level.value, parts)])
    steps = np.maximum(np.diff(at), 1.0) / step_ns
    rises = np.diff(medians) / steps
    mean = float(rises.mean())
    error = STUDENT[len(rises)] * float(rises.std(ddof=1)) / len(rises) ** 0.5
    late = float(rises[len(rises) // 2 :].mean())
    return MemoryGrowth(
        role=level.role,
        bytes_per_step=mean,
        low=mean - error,
        high=mean + error,
        steps=round(float(steps.sum())),
        first_bytes=float(medians[0]),
        last_bytes=float(medians[-1]),
        is_steady=bool((rises > 0).all()) and late >= STEADY * mean,
        steps_to_limit=left / mean if left is not None and mean - error > 0 else None,
    )
