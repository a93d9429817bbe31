"""Say what the host did while a device did nothing, as layers of which each claims time before the next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughput.attribute.classify import LOGGING_FILES
from throughput.attribute.intervals import Coverage
from throughput.model.category import Category
from throughput.model.timeline import DEVICE_KINDS, Ints
from throughput.model.trace import RankTrace, SpanKind, TraceEvents

LOADER = re.compile(r"^enumerate\(DataLoader\)#")
LOADING_NAMES = frozenset(
    """dataload dataloading dataloader loadbatch nextbatch getbatch fetchbatch loaddata getdata fetchdata
    nextdata datafetch batchload batchloading readbatch datawait""".split()
)
"""Annotations of scripts and libraries, in lower case and without punctuation, that say they make a batch."""
LOADER_FRAME = re.compile(r"(?:^|/)torch/utils/data/dataloader\.py\(\d+\): __next__$")
SYNC = re.compile(r"^(cuda|hip|cu)(Stream|Device|Event|Ctx)Synchronize")
COPY_CALL = re.compile(r"emcpy")
LAUNCH = re.compile(r"Launch")
WAITS = re.compile(
    r"^<(built-in (function|method) (sleep|select|poll|acquire|read|recv)|method '(acquire|poll|wait)' of)"
)
"""C functions in which a thread of Python sleeps, or waits for something that the trace doesn't show."""
PRINTS = re.compile(r"^<built-in function print>$")
BETWEEN_NS_MAX = 1_000_000
"""Python between two operators takes 5 to 100 us; in a longer gap the thread may sleep or run anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Spans of one category; earlier layers claim time before it."""

    category: Category
    spans: Coverage


class HostReader:
    """Picks spans of a trace's host by kind, thread and name."""

    def __init__(self, trace: RankTrace) -> None:
        self.events: TraceEvents = trace.events
        self.thread = -1 if trace.thread is None else trace.thread
        host = trace.events.host
        self.mine = host.thread == self.thread
        self.launching = self._launching()

    def _launching(self) -> Ints:
        """Return the threads that launch work of devices, or run autograd."""
        host = self.events.host
        if not len(self.events.device.kind):
            rows = self.events.named(SpanKind.OPERATOR, lambda name: name.startswith("autograd::engine"))
        else:
            rows = self.events.named(SpanKind.RUNTIME, lambda name: LAUNCH.search(name) is not None)
        return np.unique(np.append(host.thread[rows], self.thread)).astype(np.int64)

    def on_mine(self, rows: Ints) -> Ints:
        """Return those on the training thread."""
        mine: Ints = rows[self.mine[rows]]
        return mine

    def cover(self, rows: Ints) -> Coverage:
        """Return the time that spans cover."""
        return Coverage(self.events.host.start_ns[rows], self.events.host.end_ns[rows])

    def outermost(self, kind: SpanKind, thread: int) -> Ints:
        """Return the spans of a kind on a thread that no other of the kind encloses."""
        host = self.events.host
        rows = np.flatnonzero((host.kind == int(kind)) & (host.thread == thread))
        if not len(rows):
            return rows
        start, end = host.start_ns[rows], host.end_ns[rows]
        reach = np.concatenate([[start[0]], np.maximum.accumulate(end)[:-1]])
        return rows[start >= reach]


def device_layers(trace: RankTrace, device: int) -> list[Layer]:
    """Return what one device ran, by kind, in the order in which kinds claim time."""
    spans = trace.events.device
    mine = spans.device == device
    layers = []
    for number, category in enumerate(DEVICE_KINDS):
        rows = np.flatnonzero(mine & (spans.kind == number))
        layers.append(Layer(category=category, spans=Coverage(spans.start_ns[rows], spans.end_ns[rows])))
    return layers


def host_layers(trace: RankTrace) -> list[Layer]:
    """Return what the training thread did, and the threads that it waits for, in the order of claim."""
    read = HostReader(trace)
    python = read.on_mine(read.events.spans(SpanKind.PYTHON))
    on_cpu, giving = _operators(read)
    layers = [
        Layer(category=Category.DATA_LOADING, spans=read.cover(loading_spans(read))),
        Layer(
            category=Category.SYNCHRONIZATION,
            spans=read.cover(read.on_mine(read.events.named(SpanKind.RUNTIME, SYNC.match))),
        ),
        Layer(category=Category.LOGGING_CHECKPOINT, spans=read.cover(_logging(read))),
        Layer(category=Category.COMPUTE, spans=on_cpu),
        Layer(category=Category.HOST_WORK, spans=giving),
        Layer(
            category=Category.IDLE,
            spans=read.cover(read.on_mine(read.events.named(SpanKind.PYTHON, WAITS.match))),
        ),
    ]
    between = _closed(giving, BETWEEN_NS_MAX)
    return [
        *layers,
        Layer(category=Category.HOST_WORK, spans=between),
        Layer(category=Category.HOST_WORK, spans=read.cover(python)),
    ]


def dispatching(read: HostReader) -> Coverage:
    """Return the time of the operators and calls that give a device work, on all threads that do."""
    return _operators(read)[1]


def loading_spans(read: HostReader) -> Ints:
    """Return the spans in which the training thread gets a batch."""

    def yields(name: str) -> bool:
        return re.sub(r"[^a-z]", "", name.lower()) in LOADING_NAMES

    for kind, wanted in (
        (SpanKind.ANNOTATION, LOADER.match),
        (SpanKind.ANNOTATION, yields),
        (SpanKind.PYTHON, LOADER_FRAME.search),
    ):
        rows = read.on_mine(read.events.named(kind, wanted))
        if len(rows):
            return rows
    return rows


def _logging(read: HostReader) -> Ints:
    frames = read.events.frames
    files = {number for number, frame in frames.items() if not frame.own and LOGGING_FILES.match(frame.file)}
    prints = read.on_mine(read.events.named(SpanKind.PYTHON, PRINTS.match))
    python = read.on_mine(read.events.spans(SpanKind.PYTHON))
    known: npt.NDArray[np.bool_] = np.isin(read.events.host.name[python], sorted(files))
    return np.concatenate([python[known], prints])


def _operators(read: HostReader) -> tuple[Coverage, Coverage]:
    """Return the time of operators that compute here, and of those which give a device work.

    On a training with a device the first is none: an operator that calls no device may compute on the CPU, or
    wait for anything, which a trace does not tell apart.
    """
    host = read.events.host
    operators = [read.outermost(SpanKind.OPERATOR, thread) for thread in read.launching.tolist()]
    calls = np.flatnonzero((host.kind == int(SpanKind.RUNTIME)) & np.isin(host.thread, read.launching))
    here = read.cover(_together(operators))
    if not len(read.events.device.kind):
        return here, read.cover(calls)
    return read.cover(calls[:0]), read.cover(_together([*operators, calls]))


def _together(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _closed(spans: Coverage, gap_ns: int) -> Coverage:
    """Return spans with the gaps between them that are shorter than this."""
    wide = Coverage(spans.start, spans.end + gap_ns)
    return Coverage(wide.start, wide.end - gap_ns)


def claimed(layers: Sequence[Layer]) -> list[Coverage]:
    """Return of each layer what no earlier one covers."""
    before = Coverage(np.zeros(0, np.int64), np.zeros(0, np.int64))
    found = []
    for layer in layers:
        found.append(layer.spans.without(before))
        before = Coverage(
            np.concatenate([before.start, layer.spans.start]), np.concatenate([before.end, layer.spans.end])
        )
    return found
