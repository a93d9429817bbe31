"""Measure the power that a run's GPUs took in its clean steps, by NVML's energy counter."""

from __future__ import annotations

import re

import numpy as np

from throughput.model.timeline import Counter, Timeline

ENERGY = re.compile(r"gpu(\d{1,3})_energy_joule")


def gpu_watts(timeline: Timeline) -> float | None:
    """Return the mean power of the GPUs that the run used, W; None where that is not known.

    Which GPUs it used is known by its processes there; where a container hides their numbers, the only GPU of
    a machine is the one.
    """
    counters = {counter.name: counter for counter in timeline.counters}
    found = [match for name in counters if (match := ENERGY.fullmatch(name))]
    used = [m for m in found if _has_own(counters.get(f"gpu{m[1]}_own_processes"))]
    told = any(f"gpu{m[1]}_own_processes" in counters for m in found)
    chosen = used if told or len(found) != 1 else found
    watts = [_mean_watts(counters[match.string], timeline.window_ns) for match in chosen]
    known = [value for value in watts if value is not None]
    return sum(known) if known and len(known) == len(watts) else None


def _has_own(counter: Counter | None) -> bool:
    return counter is not None and bool(np.nanmax(counter.value, initial=0.0) > 0)


def _mean_watts(counter: Counter, window_ns: tuple[int, int]) -> float | None:
    """Return energy over time between the first and the last reading of the window."""
    begin, end = window_ns
    inside = (counter.time_ns >= begin) & (counter.time_ns <= end) & np.isfinite(counter.value)
    times, joules = counter.time_ns[inside], counter.value[inside]
    if len(times) < 2 or joules[-1] < joules[0]:
        return None
    return float(joules[-1] - joules[0]) / (float(times[-1] - times[0]) / 1e9)
