"""Gather the events of a trace in columns: the host's spans, the devices' spans, names and threads."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from throughput.align.trace_events import NO_ARGUMENTS, Lost, Scalar, TraceEvent
from throughput.model.category import Category
from throughput.model.timeline import DEVICE_KINDS, Ints, Small
from throughput.model.trace import DeviceSpans, HostSpans, SpanKind

KERNEL, COPY, MEMSET = 4, 5, 6
"""Codes of device work; those of the host are `SpanKind`."""
IGNORED, OTHER = -1, -2


class _Kinds(dict[str, int]):
    """Category -> kind; those not known are looked at one by one, as long as they say something."""

    def __missing__(self, category: str) -> int:
        """Return what stands for a category that is not known."""
        return IGNORED if category in SAY_NOTHING else OTHER


KINDS = _Kinds(
    {
        "cpu_op": int(SpanKind.OPERATOR),
        "Operator": int(SpanKind.OPERATOR),
        "user_annotation": int(SpanKind.ANNOTATION),
        "cuda_runtime": int(SpanKind.RUNTIME),
        "cuda_driver": int(SpanKind.RUNTIME),
        "hip_runtime": int(SpanKind.RUNTIME),
        "Runtime": int(SpanKind.RUNTIME),
        "python_function": int(SpanKind.PYTHON),
        "kernel": KERNEL,
        "Kernel": KERNEL,
        "concurrent_kernel": KERNEL,
        "gpu_memcpy": COPY,
        "Memcpy": COPY,
        "gpu_memset": MEMSET,
        "Memset": MEMSET,
    }
)
"""Category -> kind, as traces since 2021 and before name them."""
SAY_NOTHING = frozenset(
    """Trace overhead Overhead gpu_user_annotation cuda_sync cuda_event cpu_instant_event python_gc
    cuda_profiler_range fwdbwd ac2g async_cpu_to_gpu async forward_backward user_instant""".split()
)
"""Categories that say nothing new: copies of annotations on the device's track, the profiler's own overhead,
waits as the device sees them."""
COLLECTIVE = re.compile(
    r"nccl|rccl|nvshmem|deep_?ep|dpsk::ep|cross_device_reduce|all_?reduce|all_?gather|reduce_?scatter"
    r"|all_?to_?all|send_?recv|msccl",
    re.IGNORECASE,
)
"""Kernels that talk to other devices; libraries beside NCCL name theirs by what they do."""
TO_DEVICE = re.compile(r"\b[HP]toD\b|CopyHostToDevice|HostToDevice")
"""Copies from the host's memory, as CUDA and ROCm name them; those between peers are PtoP."""
ANNOTATION = re.compile(r"^(ProfilerStep|enumerate\(DataLoader\)|Optimizer\.(step|zero_grad))#")
"""Annotations that traces before 2022 list among the operators."""
CALL = re.compile(r"^(cuda|hip|cu)[A-Z]")
LIMIT_US = 7 * 86_400 * 1e6
"""No span of a profile lasts a week: such events are damaged."""
LATEST_US = 2.0**62 / 1e3
"""In the year 2116: half of what an integer column of ns holds, so that a base can be added."""
LARGEST = 2**62
NO_CATEGORY = "spans have no category, and were taken for what their names suggest"
NO_TIME = "spans have no time or no duration, and were left out"
IMPOSSIBLE = "spans have a negative or impossible duration, and were left out"
TYPES = frozenset("X B E b n e i I R M C c P N O D S T p F s t f v V ( ) , =".split())
"""Of events, in the Chrome format."""
NO_TYPE = "events have no type, and were left out"
NO_NAME = "spans have no name"
NO_THREAD = "spans have no process or no thread"
OTHER_CATEGORY = "spans are of categories that torch.profiler doesn't write, and were left out"
UNPAIRED = "spans have only a begin or an end, and were left out"


class Numbers(dict[Any, int]):
    """Numbers things in the order in which they are first seen."""

    def __missing__(self, key: Any) -> int:
        """Return the number of a thing not seen before."""
        number = self[key] = len(self)
        return number


@dataclass(slots=True)
class Columns:
    """Columns while they grow; `host` and `device` give them whole."""

    lost: Lost
    base_ns: int = 0
    names: Numbers = field(default_factory=Numbers)
    threads: Numbers = field(default_factory=Numbers)
    streams: Numbers = field(default_factory=Numbers)
    stacks: Numbers = field(default_factory=Numbers)
    pairs: list[TraceEvent] = field(default_factory=list)
    """Events that begin or end a span: old and foreign tools write both."""
    _host: dict[str, list[npt.NDArray[Any]]] = field(default_factory=lambda: defaultdict(list))
    _device: dict[str, list[npt.NDArray[Any]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, events: Sequence[TraceEvent]) -> None:
        """Append events."""
        spans = [e for e in events if e.ph == "X"]
        if len(spans) < len(events):
            self.pairs.extend(e for e in events if e.ph in ("B", "E"))
            self.lost.count(NO_TYPE, sum(e.ph not in TYPES for e in events))
        kinds = _numbers([KINDS[e.cat] for e in spans])
        for place in np.flatnonzero(kinds == OTHER).tolist():
            kinds[place] = self._guess(spans[place])
        for wanted, add in (
            ((kinds >= 0) & (kinds < KERNEL), self._add_host),
            (kinds >= KERNEL, self._add_device),
        ):
            if wanted.any():
                add(spans if wanted.all() else list(compress(spans, wanted.tolist())), kinds[wanted])

    def _guess(self, event: TraceEvent) -> int:
        """Return the kind of a span of no known category: without one, what its name suggests."""
        if event.cat:
            self.lost.count(OTHER_CATEGORY, 1)
            return IGNORED
        self.lost.count(NO_CATEGORY, 1)
        if event.args is not None and event.args.stream is not None:
            return COPY if "emcpy" in event.name else MEMSET if "emset" in event.name else KERNEL
        return int(SpanKind.RUNTIME if CALL.match(event.name) else SpanKind.OPERATOR)

    def _add_host(self, events: list[TraceEvent], kinds: Small) -> None:
        names, threads, stacks = self.names, self.threads, self.stacks
        # What Python functions have in their arguments is not read.
        rows = np.flatnonzero(kinds != int(SpanKind.PYTHON))
        args = [events[row].args or NO_ARGUMENTS for row in rows.tolist()]
        correlation = np.full(len(events), -1, dtype=np.int64)
        correlation[rows] = _whole([a.correlation for a in args], -1)
        stack = np.full(len(events), -1, dtype=np.int32)
        stack[rows] = _numbers([-1 if a.call_stack is None else stacks[a.call_stack] for a in args])
        self._append(
            self._host,
            events,
            kind=kinds,
            name=_numbers([names[e.name] for e in events]),
            thread=_numbers([threads[e.pid, e.tid] for e in events]),
            correlation=correlation,
            stack=stack,
        )

    def _add_device(self, events: list[TraceEvent], kinds: Small) -> None:
        names, streams = self.names, self.streams
        args = [e.args or NO_ARGUMENTS for e in events]
        self._append(
            self._device,
            events,
            kind=kinds,
            name=_numbers([names[e.name] for e in events]),
            device=_numbers([_device(a.device, e.pid) for a, e in zip(args, events, strict=True)]),
            stream=_numbers([streams[a.stream] for a in args]),
            correlation=_whole([a.correlation for a in args], -1),
            bytes=_whole([a.bytes for a in args], 0),
        )

    def _append(
        self, table: dict[str, list[npt.NDArray[Any]]], events: list[TraceEvent], **columns: npt.NDArray[Any]
    ) -> None:
        """Append rows whose times can be true; count the others."""
        if not events:
            return
        micros = np.fromiter([e.ts for e in events], np.float64, len(events))
        lasts = np.fromiter([e.dur for e in events], np.float64, len(events))
        timed = np.isfinite(micros) & np.isfinite(lasts) & (np.abs(micros) < LATEST_US)
        with np.errstate(invalid="ignore"):
            sound = timed & (lasts >= 0) & (lasts <= LIMIT_US)
        self.lost.count(NO_TIME, (~timed).sum())
        self.lost.count(IMPOSSIBLE, (timed & ~sound).sum())
        micros, lasts = micros[sound], lasts[sound]
        whole = np.floor(micros)  # exact: times 1e3 first would round a date in us to 256 ns
        start = whole.astype(np.int64) * 1000 + np.rint((micros - whole) * 1e3).astype(np.int64)
        table["start_ns"].append(start)
        table["end_ns"].append(start + np.rint(lasts * 1e3).astype(np.int64))
        for name, values in columns.items():
            table[name].append(values[sound])

    def close_pairs(self) -> None:
        """Turn events that begin and end a span into spans; those without a partner are counted."""
        opened: dict[tuple[Scalar, Scalar], list[TraceEvent]] = defaultdict(list)
        found, alone = [], 0
        # Of one instant, what ends comes before what begins.
        for event in sorted(self.pairs, key=lambda e: (e.ts if e.ts == e.ts else 0.0, e.ph == "B")):
            stack = opened[event.pid, event.tid]
            if event.ph == "B":
                stack.append(event)
                continue
            begun = _partner(stack, event.name)
            if begun is None:
                alone += 1
                continue
            begun.ph, begun.dur = "X", event.ts - begun.ts
            found.append(begun)
        self.lost.count(UNPAIRED, alone)
        left = sum(map(len, opened.values()))
        self.lost.count(UNPAIRED, left)
        self.pairs = []
        self.add(found)

    def host(self) -> HostSpans:
        """Return the host's spans in the order in which they began, outer ones first."""
        columns = _ordered(self._host)
        if not columns:
            return HostSpans()
        unnamed = self.names.get("", -1)
        self.lost.count(NO_NAME, (columns["name"] == unnamed).sum())
        nowhere = [number for pair, number in self.threads.items() if None in pair]
        self.lost.count(NO_THREAD, np.isin(columns["thread"], nowhere).sum())
        # Old traces list annotations among the operators.
        named = np.array([bool(ANNOTATION.match(name)) for name in self.names], dtype=bool)
        moved = (columns["kind"] == int(SpanKind.OPERATOR)) & named[columns["name"]]
        columns["kind"][moved] = int(SpanKind.ANNOTATION)
        return HostSpans(**columns)

    def device(self) -> DeviceSpans:
        """Return the devices' spans in the order in which they began."""
        columns = _ordered(self._device)
        if not columns:
            return DeviceSpans()
        collective = np.array([bool(COLLECTIVE.search(name)) for name in self.names], dtype=bool)
        sends = np.array([bool(TO_DEVICE.search(name)) for name in self.names], dtype=bool)
        code, name = columns["kind"], columns["name"]
        self.lost.count(NO_NAME, (name == self.names.get("", -1)).sum())
        of = {category: DEVICE_KINDS.index(category) for category in DEVICE_KINDS}
        kernels = np.where(collective[name], of[Category.COMMUNICATION], of[Category.COMPUTE])
        copies = np.where(sends[name], of[Category.HOST_TO_DEVICE], of[Category.OTHER_MEMORY])
        others = np.where(code == COPY, copies, of[Category.OTHER_MEMORY])
        columns["kind"] = np.where(code == KERNEL, kernels, others).astype(np.int32)
        return DeviceSpans(**columns)


def _partner(stack: list[TraceEvent], name: str) -> TraceEvent | None:
    """Return and take off the innermost open span of this name; an end without a name ends the innermost."""
    for place in range(len(stack) - 1, -1, -1):
        if not name or stack[place].name == name:
            return stack.pop(place)
    return None


def _ordered(table: dict[str, list[npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """Return whole columns in the order of time, longer spans first; the parts are given up as they go."""
    if not table:
        return {}
    start = np.concatenate(table.pop("start_ns"))
    end = np.concatenate(table.pop("end_ns"))
    order = _order(start, end)
    columns = {"start_ns": start[order], "end_ns": end[order]}
    for name in list(table):
        columns[name] = np.concatenate(table.pop(name))[order]
    return columns


def _order(start: Ints, end: Ints) -> Ints:
    """Return the order of time, longer spans first; spans that are alike keep theirs."""
    order = np.argsort(start, kind="stable")  # quick: a trace is made of a few runs that are in order
    alike = start[order[1:]] == start[order[:-1]]
    tied = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
    some = order[tied]
    order[tied] = some[np.lexsort((-end[some], start[some]))]
    return order


def _numbers(values: list[int]) -> Small:
    return np.fromiter(values, np.int32, len(values))


def _whole(values: list[Scalar], instead: int) -> Ints:
    """Return scalars as whole numbers; `instead` for what is none."""
    try:
        found = np.array([instead if v is None else v for v in values], dtype=np.int64)
    except (ValueError, OverflowError):
        found = np.array([_integer(v, instead) for v in values], dtype=np.int64)
    return np.where((found >= 0) & (found < LARGEST), found, instead)


def _integer(value: Scalar, instead: int) -> int:
    try:
        number = int(value) if value is not None else instead
    except (ValueError, OverflowError):
        return instead
    return number if 0 <= number < LARGEST else instead


def _device(value: Scalar, pid: Scalar) -> int:
    """Return the device's number; copies between devices carry none, there the process number is it."""
    if type(value) is int and 0 <= value < 2**31:
        return value
    for one in (value, pid):
        number = _integer(one, -1)
        if 0 <= number < 2**31:
            return number
    return 0
