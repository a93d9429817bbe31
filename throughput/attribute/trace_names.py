"""Name what a thread of the host did at an instant: the user's line, and the call or operator below it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughput.attribute.intervals import Coverage, Floats
from throughput.attribute.lines import SourceIndex
from throughput.attribute.naming import fold
from throughput.model.attribution import Place
from throughput.model.nesting import Nesting
from throughput.model.timeline import Frame, Ints, Small
from throughput.model.trace import RankTrace, SpanKind

TELLING = re.compile(
    r"^(enumerate\(DataLoader\)#|Optimizer\.|DataParallel\.|DistributedDataParallel\.|nccl:|c10d::)"
)
"""Annotations that say more than the operators inside them."""
MARK = re.compile(r"^ProfilerStep#")
ENGINE = re.compile(r"^autograd::engine::evaluate_function: ")
OPERATOR_FILE = "<operator>"
KERNEL_FILE = "<kernel>"
OUTSIDE = "outside of any operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A place that costs time: a function of Python, or an operator and the own line that calls it."""

    name: str
    file: str
    line: int
    function: str
    caller: Place | None

    @property
    def where(self) -> Place | None:
        """The line that the user can change; None where the trace doesn't show one."""
        if self.caller is not None:
            return self.caller
        if self.line:
            return Place(function=self.function, file=self.file, line=self.line)
        return None


class ThreadNames:
    """The spans of one thread within the steps, and names for instants of it."""

    def __init__(self, trace: RankTrace, thread: int) -> None:
        self.events = trace.events
        host, window = trace.events.host, trace.timeline.window_ns
        spans = trace.main if thread == trace.thread else trace.events.thread_spans(thread, window)
        self.rows = spans.rows
        self.kind = host.kind[self.rows]
        self.name = host.name[self.rows]
        self.nesting: Nesting = spans.nesting
        self._no_lines = SourceIndex({})
        self._known: dict[tuple[int, int], Named] = {}
        self._stretches = self.nesting.stretches()
        self._tops = self._labelled()

    def _named(self, pattern: re.Pattern[str]) -> npt.NDArray[np.bool_]:
        known = np.array([bool(pattern.match(name)) for name in self.events.names], dtype=bool)
        return known[self.name] if len(self.rows) else np.zeros(0, dtype=bool)

    def labels(self, positions: Ints) -> Small:
        """Return for each position the span that names it: a telling annotation, or its outermost operator.

        -1 where only the profiler's mark, or nothing, is around it.
        """
        return self._tops[positions]

    def _labelled(self) -> Small:
        """Return the label of every span; one more, -1, stands for none."""
        top = np.full(len(self.rows) + 1, -1, dtype=np.int32)
        operator = self.kind == int(SpanKind.OPERATOR)
        annotation = self.kind == int(SpanKind.ANNOTATION)
        final = operator | (annotation & self._named(TELLING))
        own = final | (annotation & ~self._named(MARK)) | (self.kind == int(SpanKind.RUNTIME))
        parent = self.nesting.parent
        for here in self.nesting.levels():
            above = top[parent[here]]
            kept = (above >= 0) & final[np.maximum(above, 0)]
            top[here] = np.where(kept, above, np.where(own[here], here, above))
        return top

    def spent(self, within: Coverage) -> Floats:
        """Return how long each span was innermost within a time, ns."""
        start, end, inner = self._stretches
        first = np.searchsorted(end, within.start, side="right")
        counts = np.maximum(np.searchsorted(start, within.end, side="left") - first, 0)
        # Pairs of a span of time and a stretch that overlap.
        owner = np.repeat(np.arange(len(counts)), counts)
        part = np.arange(len(owner)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        ns = np.minimum(end[part], within.end[owner]) - np.maximum(start[part], within.start[owner])
        known = inner[part] >= 0
        by_span = np.bincount(inner[part[known]], weights=ns[known], minlength=len(self.rows))
        return by_span.astype(np.float64, copy=False)

    def chain(self, position: int) -> list[int]:
        """Return a span and those around it, innermost first."""
        found = []
        while position >= 0:
            found.append(position)
            position = int(self.nesting.parent[position])
        return found

    def frames(self, position: int) -> tuple[Frame, ...]:
        """Return the functions of Python around a span, outermost first; of old traces its stack."""
        chain = self.chain(position)
        rows = [int(self.rows[p]) for p in chain]
        host, events = self.events.host, self.events
        python = [events.frames[n] for r in rows if (n := int(host.name[r])) in events.frames]
        if python:
            return tuple(reversed(python))
        stack = next((int(host.stack[r]) for r in rows if host.stack[r] >= 0), -1)
        return tuple(reversed(events.stack_frames[stack])) if stack >= 0 else ()

    def named(self, position: int, label: int) -> Named:
        """Return the name of a position, given the span that labels it."""
        if (position, label) not in self._known:
            self._known[position, label] = self._make(position, label)
        return self._known[position, label]

    def _make(self, position: int, label: int) -> Named:
        frames = self.frames(position)
        own = next((f for f in reversed(frames) if f.own), None)
        caller = None if own is None else Place(function=own.function, file=own.file, line=own.line)
        if label >= 0:
            name = ENGINE.sub("", self.events.names[int(self.name[label])])
            return Named(name=name, file=OPERATOR_FILE, line=0, function=name, caller=caller)
        folded = fold(frames, self._no_lines)
        if folded is None:
            return Named(name=OUTSIDE, file=OPERATOR_FILE, line=0, function=OUTSIDE, caller=None)
        above = folded.caller
        return Named(
            name=folded.name,
            file=folded.frame.file,
            line=folded.frame.line,
            function=folded.frame.function,
            caller=None
            if above is None
            else Place(function=above.function, file=above.file, line=above.line),
        )
