"""Rank the places of a trace that cost step time: operators by what ran for them, lines by who starved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from throughput.attribute.flame_kernels import Launchers
from throughput.attribute.intervals import Coverage, Floats, together
from throughput.attribute.trace_gaps import Gaps, launches
from throughput.attribute.trace_layers import SYNC, HostReader
from throughput.attribute.trace_names import ENGINE, KERNEL_FILE, OUTSIDE, Named, ThreadNames
from throughput.attribute.trace_split import COLUMN, OneDevice, TraceSplit
from throughput.model.attribution import Hotspot, Starver
from throughput.model.category import Category
from throughput.model.timeline import DEVICE_KINDS, Ints
from throughput.model.trace import RankTrace, SpanKind

SHOWN = 200
STARVERS = 5
MOST = 0.98
"""Of the time of a category: places beyond it, thousands of tiny ones, are not named."""
PLACES_MAX = 1_500
"""Of spans of one layer to name one by one."""
AFTER_SYNC_NS = 200_000
"""A thread that waited for the device queues the next work within 20 to 200 us; later it did other things."""
NAME_MAX = 120


@dataclass(slots=True)
class Heap:
    """Time by category and place."""

    ns: dict[tuple[Category, Named], float] = field(default_factory=lambda: defaultdict(float))
    device: dict[tuple[Category, Named], bool] = field(default_factory=dict)

    def add(self, category: Category, named: Named, ns: float, *, on_device: bool = False) -> None:
        """Count time at a place."""
        self.ns[category, named] += ns
        self.device[category, named] = on_device


class Spots:
    """Names of places in one trace, each thread read once."""

    def __init__(self, trace: RankTrace, split: TraceSplit) -> None:
        self.trace = trace
        self.split = split
        self.read = HostReader(trace)
        self.calls = launches(trace)
        self._threads: dict[int, ThreadNames] = {}
        self._working = {
            number: self.read.cover(self.read.outermost(SpanKind.OPERATOR, number))
            for number in self.read.launching.tolist()
            if number != self.read.thread
        }

    def thread(self, number: int) -> ThreadNames:
        """Return the names of a thread."""
        if number not in self._threads:
            self._threads[number] = ThreadNames(self.trace, number)
        return self._threads[number]

    def on_host(self, within: Coverage) -> Iterator[tuple[Named, float]]:
        """Yield where the host spent a time: on the threads that work, else on the training thread."""
        left = within
        for number, working in self._working.items():
            yield from self._of_thread(number, left.common(working))
            left = left.without(working)
        yield from self._of_thread(self.read.thread, left)

    def _of_thread(self, number: int, within: Coverage) -> Iterator[tuple[Named, float]]:
        if not len(within.start):
            return
        names = self.thread(number)
        total = int(within.within(*_window(self.split)).sum())
        by_span = names.spent(within)
        some = np.flatnonzero(by_span)
        order = some[np.argsort(-by_span[some], kind="stable")]
        most = int(np.searchsorted(np.cumsum(by_span[order]), MOST * by_span.sum())) + 1
        few = order[: min(PLACES_MAX, most)]
        labels = names.labels(few)
        for position, label in zip(few.tolist(), labels.tolist(), strict=True):
            yield names.named(position, label), float(by_span[position])
        outside = total - by_span.sum()
        if outside > 0:
            yield (
                Named(name=OUTSIDE, file="<operator>", line=0, function=OUTSIDE, caller=None),
                float(outside),
            )

    def on_device(self, one: OneDevice, heap: Heap, share: float) -> None:
        """Add what a device ran, each kind's exposed time divided by the durations of its operators."""
        spans = self.trace.events.device
        first, last = self.trace.timeline.window_ns
        mine = np.flatnonzero((spans.device == one.device) & (spans.start_ns < last) & (spans.end_ns > first))
        lasts = (spans.end_ns - spans.start_ns)[mine]
        for number, category in enumerate(DEVICE_KINDS):
            rows = spans.kind[mine] == number
            ran, exposed = float(lasts[rows].sum()), float(one.parts[:, COLUMN[category]].sum())
            if not ran or not exposed:
                continue
            scale = share * exposed / ran
            for named, ns in self._launched(mine[rows]).items():
                heap.add(category, named, ns * scale, on_device=True)

    def launchers(self) -> Launchers:
        """Return the operator, or telling annotation, around the call that began each span of a device."""
        host, call = self.trace.events.host, self.calls
        found = np.full(len(call), -1, dtype=np.int64)
        for number in np.unique(host.thread[call[call >= 0]]).tolist():
            names = self.thread(number)
            mine = np.flatnonzero((call >= 0) & (host.thread[np.maximum(call, 0)] == number))
            mine = mine[np.isin(call[mine], names.rows)]
            label = names.labels(np.searchsorted(names.rows, call[mine]))
            found[mine] = np.where(label >= 0, names.name[np.maximum(label, 0)], -1)
        used, place = np.unique(found, return_inverse=True)
        texts = tuple(ENGINE.sub("", self.trace.events.names[n]) if n >= 0 else "" for n in used.tolist())
        return Launchers(name=np.where(found >= 0, place, -1), names=texts)

    def _launched(self, rows: Ints) -> Mapping[Named, float]:
        """Return what spans of a device took, by the operator that launched them."""
        spans, host = self.trace.events.device, self.trace.events.host
        call = self.calls[rows]
        lasts = (spans.end_ns - spans.start_ns)[rows].astype(np.float64)
        found: dict[Named, float] = defaultdict(float)
        for number in np.unique(host.thread[call[call >= 0]]).tolist():
            names = self.thread(number)
            mine = np.flatnonzero((call >= 0) & (host.thread[np.maximum(call, 0)] == number))
            position = np.searchsorted(names.rows, call[mine])
            place = np.minimum(position, len(names.rows) - 1)
            there = len(names.rows) > 0 and names.rows[place] == call[mine]
            position = np.where(there, place, -1)
            self._by_label(names, position, lasts[mine], found)
            lost = mine[position < 0]
            self._by_kernel(rows[lost], lasts[lost], found)
        self._by_kernel(rows[call < 0], lasts[call < 0], found)
        return found

    def _by_label(self, names: ThreadNames, position: Ints, lasts: Floats, found: dict[Named, float]) -> None:
        """Add time by the name of the operator around each call; its line is that of the longest one."""
        known = position >= 0
        position, lasts = position[known], lasts[known]
        label = names.labels(position)
        group = np.where(label >= 0, names.name[np.maximum(label, 0)], -1)
        order = np.argsort(group, kind="stable")
        edges = np.flatnonzero(np.diff(group[order], prepend=-2))
        for begin, end in zip(edges, np.append(edges[1:], len(order)), strict=True):
            mine = order[begin:end]
            longest = mine[int(np.argmax(lasts[mine]))]
            found[names.named(int(position[longest]), int(label[longest]))] += float(lasts[mine].sum())

    def _by_kernel(self, rows: Ints, lasts: Floats, found: dict[Named, float]) -> None:
        """Add time by kernel, where nothing shows who launched it."""
        names = self.trace.events.device.name[rows]
        for number in np.unique(names).tolist():
            name = self.trace.events.names[number][:NAME_MAX]
            named = Named(name=name, file=KERNEL_FILE, line=0, function=name, caller=None)
            found[named] += float(lasts[names == number].sum())


def _window(split: TraceSplit) -> tuple[Ints, Ints]:
    return split.start_ns, split.end_ns


def hotspots(spots: Spots) -> tuple[Hotspot, ...]:
    """Return the places that cost step time, largest first; time is that of the mean device."""
    split, heap = spots.split, Heap()
    share = 1.0 / len(split.devices)
    within = Coverage(split.start_ns, split.end_ns)
    for one in split.devices:
        if one.device >= 0:
            spots.on_device(one, heap, share)
        by_category: dict[Category, list[Coverage]] = defaultdict(list)
        for layer, cover in list(zip(one.layers, one.claimed, strict=True))[len(DEVICE_KINDS) :]:
            by_category[layer.category].append(cover.common(within))
        for category, covers in by_category.items():
            for named, ns in spots.on_host(together(covers)):
                heap.add(category, named, ns * share)
    return _ranked(spots, heap)


def _ranked(spots: Spots, heap: Heap) -> tuple[Hotspot, ...]:
    steps, total = len(spots.split.durations), float(spots.split.durations.sum())
    rank = spots.trace.timeline.rank
    ordered = sorted(heap.ns.items(), key=lambda item: (-item[1], item[0][1].name))[:SHOWN]
    found = []
    for number, ((category, named), ns) in enumerate(ordered, 1):
        part = min(1.0, ns / total)
        found.append(
            Hotspot(
                rank=number,
                name=named.name,
                file=named.file,
                line=named.line,
                function=named.function,
                caller=named.caller,
                process="training process",
                thread="GPU" if heap.device[category, named] else "",
                ranks=(rank,),
                category=category,
                ns_per_step=ns / steps,
                share=part,
                low=part,
                high=part,
            )
        )
    return tuple(found)


def starvers(spots: Spots, gaps: Gaps) -> tuple[Starver, ...]:
    """Return what the host did while nothing was queued for a device, the costliest first."""
    spent: dict[Named, float] = defaultdict(float)
    for named, ns in spots.on_host(gaps.of("host_wait")):
        spent[named] += ns
    return _starvers(spots, spent)


def after_sync(spots: Spots, gaps: Gaps) -> tuple[Starver, ...]:
    """Return who waited for the device, by the time for which it then had nothing to do."""
    read = spots.read
    rows = read.on_mine(read.events.named(SpanKind.RUNTIME, SYNC.match))
    idle = gaps.of("host_wait")
    if not len(rows) or not len(idle.start):
        return ()
    ended = np.sort(read.events.host.end_ns[rows])
    order = rows[np.argsort(read.events.host.end_ns[rows], kind="stable")]
    # The last wait that ended before the device was given work again, if it ended as the device ran dry.
    place = np.searchsorted(ended, idle.end) - 1
    near = np.flatnonzero((place >= 0) & (ended[np.maximum(place, 0)] >= idle.start - AFTER_SYNC_NS))
    wait, end = place[near], idle.end[near]
    return _starvers(spots, _blamed(spots, order[wait], end - np.clip(ended[wait], idle.start[near], end)))


def _blamed(spots: Spots, calls: Ints, ns: Ints) -> Mapping[Named, float]:
    """Return time by the operator around the call of the training thread that it is blamed on."""
    names = spots.thread(spots.read.thread)
    longest = np.sort(np.argsort(-ns, kind="stable")[:PLACES_MAX])
    calls, ns = calls[longest], ns[longest]
    position = np.searchsorted(names.rows, calls)
    known = position < len(names.rows)
    known[known] = names.rows[position[known]] == calls[known]
    position = position[known]
    label = names.nesting.climb(position, names.kind == int(SpanKind.OPERATOR))
    spent: dict[Named, float] = defaultdict(float)
    for call, operator, lasted in zip(position.tolist(), label.tolist(), ns[known].tolist(), strict=True):
        spent[names.named(call, operator if operator >= 0 else call)] += float(lasted)
    return spent


def _starvers(spots: Spots, spent: Mapping[Named, float]) -> tuple[Starver, ...]:
    steps, total = len(spots.split.durations), float(spots.split.durations.sum())
    ordered = sorted(spent.items(), key=lambda item: (-item[1], item[0].name))[:STARVERS]
    return tuple(
        Starver(name=named.name, where=named.where, ns_per_step=ns / steps, share=min(1.0, ns / total))
        for named, ns in ordered
        if ns > 0
    )
