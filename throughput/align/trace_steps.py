"""Find the steps of a trace: by the profiler's marks, else the optimizer's, else the loader's, else none."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from throughput.model.category import Block
from throughput.model.timeline import Ints, Step, no_ints
from throughput.model.trace import SpanKind, TraceEvents

MARK = re.compile(r"^ProfilerStep#(\d+)$")
OPTIMIZER = re.compile(r"^Optimizer\.step#")
LOADER = re.compile(r"^enumerate\(DataLoader\)#")
BY_MARKS = "the profiler's own marks (ProfilerStep)"
BY_OPTIMIZER = "from the end of an optimizer's step ({name}) to the end of the next"
BY_LOADER = "from one request of a batch ({name}) to the next"
BY_WINDOW = "the whole trace as one step"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSteps:
    """The steps, by which rule, on which thread; `note` says what a reader must know of the rule."""

    steps: tuple[Step, ...]
    rule: str
    thread: int | None
    note: str | None = None


def find_steps(events: TraceEvents) -> FoundSteps:
    """Return the steps of a trace; there is at least one where the trace holds any time."""
    for rule in (_by_marks, _by_optimizer, _by_loader):
        found = rule(events)
        if found is not None:
            return found
    return _by_window(events)


def _by_marks(events: TraceEvents) -> FoundSteps | None:
    """Return the profiler's steps. Two may have one name, so each is an event of its own."""
    rows, thread = _annotated(events, MARK)
    if thread is None:
        return None
    host = events.host
    start, end = host.start_ns[rows], host.end_ns[rows].copy()
    end[:-1] = np.minimum(end[:-1], start[1:])
    names = [MARK.match(events.names[n]) for n in host.name[rows].tolist()]
    numbers = [int(match.group(1)) for match in names if match]
    steps = tuple(
        Step(index=n, start_ns=a, end_ns=b, block=Block.TRACE)
        for n, a, b in zip(numbers, start.tolist(), end.tolist(), strict=True)
        if b > a
    )
    return FoundSteps(steps=steps, rule=BY_MARKS, thread=thread) if steps else None


def _by_optimizer(events: TraceEvents) -> FoundSteps | None:
    rows, thread = _annotated(events, OPTIMIZER)
    name, edges = _repeated(events, rows, events.host.end_ns)
    return _between(edges, thread, BY_OPTIMIZER.format(name=name))


def _by_loader(events: TraceEvents) -> FoundSteps | None:
    rows, thread = _annotated(events, LOADER)
    name, edges = _repeated(events, rows, events.host.start_ns)
    return _between(edges, thread, BY_LOADER.format(name=name))


def _by_window(events: TraceEvents) -> FoundSteps:
    tables = [table for table in (events.host, events.device) if len(table.start_ns)]
    start = min(int(table.start_ns.min()) for table in tables)
    end = max(int(table.end_ns.max()) for table in tables)
    step = Step(index=0, start_ns=start, end_ns=end, block=Block.TRACE)
    return FoundSteps(
        steps=(step,) if end > start else (),
        rule=BY_WINDOW,
        thread=busiest_thread(events),
        note=f"The trace marks no steps: figures are of {BY_WINDOW}.",
    )


def _annotated(events: TraceEvents, pattern: re.Pattern[str]) -> tuple[Ints, int | None]:
    """Return the annotations of such a name on the thread that has most of them, and that thread."""
    rows = events.named(SpanKind.ANNOTATION, pattern.match)
    if not len(rows):
        return no_ints(), None
    thread = int(np.bincount(events.host.thread[rows]).argmax())
    return rows[events.host.thread[rows] == thread], thread


def _repeated(events: TraceEvents, rows: Ints, times: Ints) -> tuple[str, Ints]:
    """Return the commonest name among annotations, and when each of that name was."""
    if not len(rows):
        return "", no_ints()
    name = int(np.bincount(events.host.name[rows]).argmax())
    return events.names[name], np.sort(times[rows[events.host.name[rows] == name]])


def _between(edges: Ints, thread: int | None, rule: str) -> FoundSteps | None:
    """Return the steps between edges; None where there are too few for one."""
    steps = tuple(
        Step(index=n, start_ns=a, end_ns=b, block=Block.TRACE)
        for n, (a, b) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
        if b > a
    )
    note = f"The trace has no ProfilerStep marks: a step is {rule}."
    return FoundSteps(steps=steps, rule=rule, thread=thread, note=note) if steps else None


def busiest_thread(events: TraceEvents) -> int | None:
    """Return the thread with most operators, or else with most spans; None without any."""
    for rows in (events.spans(SpanKind.OPERATOR), np.arange(len(events.host.kind))):
        if len(rows):
            return int(np.bincount(events.host.thread[rows]).argmax())
    return None
