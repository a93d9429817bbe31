"""Describe a torch.profiler trace as columns: what threads of the host and what devices did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from throughput.model.nesting import ThreadSpans, nesting_of
from throughput.model.timeline import Frame, Ints, Small, Timeline, no_ints


def no_small() -> Small:
    """Return an empty column of indices."""
    return np.zeros(0, dtype=np.int32)


class SpanKind(IntEnum):
    """What a span of the host is."""

    OPERATOR = 0
    ANNOTATION = 1
    """A record_function of the script, torch or a library: `ProfilerStep#3`, `Optimizer.step#SGD.step`."""
    RUNTIME = 2
    """A call of the device's runtime or driver."""
    PYTHON = 3
    """A Python function, where the trace was recorded with stacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpans:
    """Spans of the host's threads, in the order in which they began: columns of equal length."""

    kind: Small = field(default_factory=no_small)
    name: Small = field(default_factory=no_small)
    thread: Small = field(default_factory=no_small)
    start_ns: Ints = field(default_factory=no_ints)
    end_ns: Ints = field(default_factory=no_ints)
    correlation: Ints = field(default_factory=no_ints)
    """What a call of the runtime and the device work that it began have in common; -1 for none."""
    stack: Small = field(default_factory=no_small)
    """Index into `TraceEvents.stack_frames`; -1 where the span has no stack of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpans:
    """What devices ran, in the order in which it began: columns of equal length."""

    kind: Small = field(default_factory=no_small)
    """Index into DEVICE_KINDS."""
    name: Small = field(default_factory=no_small)
    device: Small = field(default_factory=no_small)
    stream: Small = field(default_factory=no_small)
    start_ns: Ints = field(default_factory=no_ints)
    end_ns: Ints = field(default_factory=no_ints)
    correlation: Ints = field(default_factory=no_ints)
    bytes: Ints = field(default_factory=no_ints)
    """Of a copy; 0 where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvents:
    """One trace. Times are ns on the trace's clock; names, threads and stacks are indexed by the columns."""

    host: HostSpans = field(default_factory=HostSpans)
    device: DeviceSpans = field(default_factory=DeviceSpans)
    names: tuple[str, ...] = ()
    threads: tuple[tuple[str, str], ...] = ()
    """Process and thread, as the trace writes them."""
    frames: dict[int, Frame] = field(default_factory=dict)
    """Name -> the function that it names, of Python functions."""
    stack_frames: tuple[tuple[Frame, ...], ...] = ()
    """Stacks of operators, innermost first, where the trace has them: those until 2022."""
    rank: int | None = None
    world_size: int | None = None
    device_names: dict[int, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """Scalars of the trace's head: versions, what was recorded."""
    notes: tuple[str, ...] = ()
    """What of the file was lost, and how much."""

    def spans(self, kind: SpanKind) -> Ints:
        """Return the numbers of the host's spans of a kind."""
        return np.flatnonzero(self.host.kind == int(kind))

    def named(self, kind: SpanKind, wanted: Callable[[str], object]) -> Ints:
        """Return the numbers of the host's spans of a kind whose name is wanted."""
        rows = self.spans(kind)
        names = self.host.name[rows]
        chosen = np.zeros(len(self.names), dtype=bool)
        # Each name is looked at once, however many spans have it.
        for number in np.flatnonzero(np.bincount(names)).tolist():
            chosen[number] = bool(wanted(self.names[number]))
        return rows[chosen[names]]

    def thread_spans(self, thread: int | None, window: tuple[int, int]) -> ThreadSpans:
        """Return the spans of a thread of the host that overlap a window, and how they are nested."""
        host, (first, last) = self.host, window
        mine = host.thread == (-1 if thread is None else thread)
        rows = np.flatnonzero(mine & (host.start_ns < last) & (host.end_ns > first))
        return ThreadSpans(rows=rows, nesting=nesting_of(host.start_ns[rows], host.end_ns[rows]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTrace:
    """One rank's trace: its timeline, and the events behind it."""

    timeline: Timeline
    events: TraceEvents
    thread: int | None
    """Index into `events.threads` of the training thread; None where the trace shows none of the host."""
    main: ThreadSpans
    """Of the training thread."""
