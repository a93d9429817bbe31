"""Turn counters into small line charts, with gaps where nothing was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughput import units
from throughput.model.timeline import Counter, Ints, Timeline
from throughput.render import view
from throughput.render.html.svg import Point, area, line

WIDTH, HEIGHT = 600.0, 100.0
POINTS = 120  # a chart is some 350 pixels wide: three pixels a point
GAP = 3  # bins in a row without a reading are a gap, fewer are a late reading

TITLES = {
    "utilization_share": "utilization (NVML)",
    "sm_active_share": "multiprocessors active (GPM)",
    "tensor_active_share": "tensor cores active (GPM)",
    "dram_active_share": "memory bandwidth used (GPM)",
    "memory_used_bytes": "memory",
    "throttled_share": "throttled",
    "power_watt": "power",
    "machine_cpu_share": "CPU, whole machine",
    "tree_cpus": "CPUs used by this run",
    "runq_share": "Waiting for a CPU",
    "rss_bytes": "Memory, training process",
    "tree_read_any_bytes_per_s": "Read by this run, cache included",
    "disk_read_bytes_per_s": "Disk read, whole machine",
    "disk_write_bytes_per_s": "Disk written, whole machine",
    "net_bytes_per_s": "Network, whole machine",
    "steal_share": "CPU taken by other guests",
    "iowait_share": "CPU idle for the disk",
    "swap_in_bytes_per_s": "Read back from swap",
}
"""Counters in the order in which they are shown, with their titles; those of GPUs come first, GPU by GPU."""
ALWAYS = ("machine_cpu_share", "tree_cpus", "utilization_share")
"""Shown also where they are zero throughout; others that never move say nothing."""
GPU = re.compile(r"gpu(\d{1,3})_(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One counter over the window."""

    title: str
    stat: str
    lines: str
    areas: str
    first: str
    last: str
    gaps: str


def charts(timeline: Timeline, most: int) -> tuple[Chart, ...]:
    """Return the charts of the counters that say something, all over the same time."""
    chosen = sorted(_chosen(timeline), key=lambda pair: pair[0])[:most]
    if not chosen:
        return ()
    begin, end = _span(timeline, [counter for _, counter in chosen])
    return tuple(_chart(counter, begin, end) for _, counter in chosen)


def _chosen(timeline: Timeline) -> Iterable[tuple[tuple[int, int, int], Counter]]:
    """Yield the counters to show, each with its place in the order."""
    names = list(TITLES)
    training = (
        timeline.tracks[timeline.main_track].pid if timeline.main_track < len(timeline.tracks) else None
    )
    for counter in timeline.counters:
        gpu, name = _gpu(counter.name)
        if name not in TITLES or (counter.pid is not None and counter.pid != training):
            continue
        values = counter.value[_inside(counter, *timeline.window_ns)]
        if values.size < 2 or (name not in ALWAYS and not values.any()):
            continue
        yield (0 if gpu is not None else 1, gpu or 0, names.index(name)), counter


def _inside(counter: Counter, begin: int, end: int) -> npt.NDArray[np.bool_]:
    """Return which readings are numbers, and of the window where there is one."""
    numbers = np.isfinite(counter.value)
    return numbers & (counter.time_ns >= begin) & (counter.time_ns <= end) if end > begin else numbers


def _gpu(name: str) -> tuple[int | None, str]:
    match = GPU.fullmatch(name)
    return (int(match[1]), match[2]) if match else (None, name)


def _span(timeline: Timeline, counters: list[Counter]) -> tuple[int, int]:
    begin, end = timeline.window_ns
    if end > begin:
        return begin, end
    return min(int(c.time_ns.min()) for c in counters), max(int(c.time_ns.max()) for c in counters) + 1


def _chart(counter: Counter, begin: int, end: int) -> Chart:
    gpu, name = _gpu(counter.name)
    title = TITLES[name] if gpu is None else f"GPU {gpu} {TITLES[name]}"
    inside = _inside(counter, begin, end)
    values, times = counter.value[inside], counter.time_ns[inside]
    unit = "bytes_per_s" if name.endswith("_bytes_per_s") else counter.unit
    length = units.duration(end - begin)
    first = f"0{units.NBSP}s"
    if not values.size:
        return Chart(
            title=title, stat=units.NOT_MEASURED, lines="", areas="", first=first, last=length, gaps=""
        )
    top = 1.0 if counter.unit == "share" else float(values.max()) or 1.0
    runs = _runs(times, values, begin, end, top)
    stat = (
        f"mean {units.quantity(float(values.mean()), unit)}, peak {units.quantity(float(values.max()), unit)}"
    )
    return Chart(
        title=view.plain(title, 80),
        stat=stat,
        lines="".join(line(run) for run in runs),
        areas="".join(area(run, HEIGHT) for run in runs),
        first=first,
        last=length,
        gaps="gaps: not measured" if len(runs) > 1 else "",
    )


def _runs(
    times: Ints, values: npt.NDArray[np.float64], begin: int, end: int, top: float
) -> list[list[Point]]:
    """Return the readings as stretches without a gap, in the chart's coordinates."""
    steps = np.diff(np.sort(times))
    every = float(np.median(steps)) if steps.size else float(end - begin)
    bins = int(min(POINTS, max(2, (end - begin) / max(every, 1.0))))
    which = np.minimum(((times - begin) / (end - begin) * bins).astype(np.int64), bins - 1)
    runs: list[list[Point]] = []
    previous = None
    for index in np.unique(which):
        if previous is None or index - previous > GAP:
            runs.append([])
        mean = float(values[which == index].mean())
        x = (int(index) + 0.5) / bins * WIDTH
        runs[-1].append((x, HEIGHT - 2 - min(1.0, max(0.0, mean / top)) * (HEIGHT - 4)))
        previous = index
    return runs
