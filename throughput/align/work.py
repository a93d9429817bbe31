"""Turn the trace of the shaped steps into useful work: FLOPs, how much of them is known, and by module.

Recorded with shapes and with a range around each module's call (see `modules` of what runs inside the
script). An operator of backward belongs to the module whose forward made its node of the graph.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from throughput.align.flops import flops_of, is_known_light, main_input
from throughput.align.torch_trace import OPERATOR, Event, Tid, Trace
from throughput.model.nesting import Nesting, nesting_of
from throughput.model.timeline import Ints, Step
from throughput.model.work import ModuleWork, Work

RANGE = "throughput.module:"
"""A module's range is named by this, its path, a blank and its class."""
COMPILED = "Torch-Compiled Region"
NODE = "autograd::engine::evaluate_function: "
KERNEL = ("kernel", "Kernel")
RANGES = ("user_annotation", "cpu_op")
LAYER = re.compile(r"(?<=\.)\d+(?=\.|$)")
"""Modules of a list differ by number alone: they are one row."""
UNCOUNTED_SHOWN = 5
DTYPES = {
    "float": "float32",
    "double": "float64",
    "c10::BFloat16": "bfloat16",
    "c10::Half": "float16",
    "c10::Float8_e4m3fn": "float8",
    "c10::Float8_e5m2": "float8",
}

Bools = npt.NDArray[np.bool_]
Module = tuple[str, str]
"""Path and class; two blanks for what no module holds."""
NOBODY: Module = ("", "")


@dataclass(slots=True)
class _Totals:
    """A module's sums while they grow."""

    calls: int = 0
    forward_ns: int = 0
    backward_ns: int = 0
    flops: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thread:
    """The spans of one thread, outer ones first, with what their arguments say."""

    events: tuple[Event, ...]
    arguments: tuple[dict[str, Any], ...]
    nesting: Nesting
    is_node: Bools
    is_module: Bools
    names: tuple[Module, ...]
    """Of a module's range its path and class."""

    def all(self) -> Ints:
        """Return the position of each span."""
        return np.arange(len(self.events), dtype=np.int64)

    def frames(self) -> Ints:
        """Return of each span the innermost node of backward or module that is or holds it; -1 for none."""
        return self.nesting.climb(self.all(), self.is_node | self.is_module)

    def self_ns(self, among: Bools) -> Ints:
        """Return the time of each chosen span without the chosen ones inside it; 0 for the others."""
        length = np.where(among, self.nesting.end_ns - self.nesting.start_ns, 0)
        parent = np.where(self.nesting.parent >= 0, self.nesting.parent, 0)
        above = np.where(self.nesting.parent >= 0, self.nesting.climb(parent, among), -1)
        inside = np.zeros(len(length), dtype=np.int64)
        np.add.at(inside, above[among & (above >= 0)], length[among & (above >= 0)])
        rest: Ints = np.where(among, np.maximum(length - inside, 0), 0)
        return rest


def read_work(trace: Trace, steps: Sequence[Step], shift_ns: int) -> Work:
    """Return the work that a trace shows inside these steps; none where it holds no operators of theirs.

    Args:
        trace: recorded with shapes.
        steps: that it covers whole, in order.
        shift_ns: what to add to wall-clock ns to get the run's clock.
    """
    if not steps:
        return Work()
    window_ns = (steps[0].start_ns, steps[-1].end_ns)
    base = trace.baseTimeNanoseconds + shift_ns
    threads = _threads(trace, ((window_ns[0] - base) / 1e3, (window_ns[1] - base) / 1e3))
    return _Reader(trace, threads).work(len(steps), window_ns) if threads else Work()


def shaped_steps(steps: Sequence[Step], anchors: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Return the steps that lie between the anchors of the block that records shapes."""
    times = {str(anchor.get("name")): int(anchor["monotonic"]) for anchor in anchors}
    start, end = times.get("shapes_start"), times.get("shapes_stop")
    if start is None or end is None:
        return ()
    return tuple(step for step in steps if start <= step.start_ns and step.end_ns <= end)


def _threads(trace: Trace, window_us: tuple[float, float]) -> tuple[_Thread, ...]:
    found: dict[Tid, list[Event]] = {}
    for event in trace.spans(*RANGES, *OPERATOR):
        ours = event.cat in OPERATOR or event.name.startswith((RANGE, COMPILED))
        if ours and window_us[0] <= event.ts < window_us[1]:
            found.setdefault(event.tid, []).append(event)
    return tuple(_thread(events) for events in found.values())


def _thread(found: list[Event]) -> _Thread:
    events = sorted(found, key=lambda e: (e.ts, -e.dur))
    base = events[0].ts
    start = np.rint(np.array([e.ts - base for e in events]) * 1e3).astype(np.int64)
    length = np.rint(np.array([e.dur for e in events]) * 1e3).astype(np.int64)
    return _Thread(
        events=tuple(events),
        arguments=tuple(_arguments(e) for e in events),
        nesting=nesting_of(start, start + length),
        is_node=np.array([e.name.startswith(NODE) for e in events], dtype=np.bool_),
        is_module=np.array([e.name.startswith((RANGE, COMPILED)) for e in events], dtype=np.bool_),
        names=tuple(_named(e.name) for e in events),
    )


def _arguments(event: Event) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(event.args) if event.args else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class _Reader:
    """Adds up one trace."""

    def __init__(self, trace: Trace, threads: tuple[_Thread, ...]) -> None:
        self.threads = threads
        self.kernels = [e for e in trace.spans(*KERNEL) if e.name]
        self.makers = self._makers()
        self.modules: dict[Module, _Totals] = {}
        self.flops = 0.0
        self.dtypes: Tally[str] = Tally()
        self.known_ns = self.all_ns = 0
        self.unknown: Tally[str] = Tally()
        self.owners: dict[int, tuple[Module, bool, str | None]] = {}
        """An operator's external id -> its module, whether in backward, and its name where it is unknown."""

    def work(self, steps: int, window_ns: tuple[int, int]) -> Work:
        """Return the sums."""
        for thread in self.threads:
            self._add(thread)
        if self.kernels:
            self._add_kernels()
        dtype = self.dtypes.most_common(1)
        return Work(
            steps=steps,
            start_ns=window_ns[0],
            end_ns=window_ns[1],
            flops=self.flops,
            coverage=self.known_ns / self.all_ns if self.all_ns else 0.0,
            uncounted=tuple(
                (name, ns / self.all_ns) for name, ns in self.unknown.most_common(UNCOUNTED_SHOWN) if ns
            ),
            dtype=dtype[0][0] if dtype else None,
            on_device=bool(self.kernels),
            modules=self._rows(),
        )

    def _makers(self) -> dict[int, Module]:
        """Return which module's forward made each node: of the operators with its number, the last one's."""
        last: dict[int, tuple[float, Module]] = {}
        for thread in self.threads:
            inside = thread.nesting.climb(thread.all(), thread.is_node)
            modules = thread.nesting.climb(thread.all(), thread.is_module)
            for n, (event, arguments) in enumerate(zip(thread.events, thread.arguments, strict=True)):
                number = _integer(arguments, "Sequence number")
                if number < 0 or inside[n] >= 0:
                    continue
                if number not in last or event.ts >= last[number][0]:
                    last[number] = (event.ts, thread.names[modules[n]] if modules[n] >= 0 else NOBODY)
        return {number: module for number, (_, module) in last.items()}

    def _add(self, thread: _Thread) -> None:
        """Add one thread's operators, and the time of its modules."""
        frames = thread.frames()
        owners = [self._owner(thread, int(n)) for n in range(len(thread.events))]
        own = thread.self_ns(thread.is_node | thread.is_module)
        for n in np.flatnonzero(thread.is_node | thread.is_module).tolist():
            totals = self.modules.setdefault(owners[n][0], _Totals())
            totals.calls += bool(thread.is_module[n])
            if not self.kernels:
                totals.forward_ns += 0 if owners[n][1] else int(own[n])
                totals.backward_ns += int(own[n]) if owners[n][1] else 0
        self._add_operators(thread, [owners[int(f)] if f >= 0 else (NOBODY, False) for f in frames])

    def _owner(self, thread: _Thread, n: int) -> tuple[Module, bool]:
        """Return whose time a node's or a module's range is, and whether it is of backward."""
        if thread.is_node[n]:
            return self.makers.get(_integer(thread.arguments[n], "Sequence number"), NOBODY), True
        return thread.names[n], False

    def _add_operators(self, thread: _Thread, owners: list[tuple[Module, bool]]) -> None:
        """Count the outermost operators that have a formula, and the time of those that have none."""
        counted = self._counted(thread, owners)
        within = thread.nesting.climb(thread.all(), counted) >= 0
        regions = np.array([e.name.startswith(COMPILED) for e in thread.events], dtype=np.bool_)
        operators = ~thread.is_module | regions
        own = thread.self_ns(operators)
        for n, event in enumerate(thread.events):
            name = event.name
            known = bool(within[n]) or self._is_light(thread, n)
            self.owners[_integer(thread.arguments[n], "External id")] = (*owners[n], None if known else name)
            if self.kernels or not operators[n]:
                continue
            self.all_ns += int(own[n])
            if known:
                self.known_ns += int(own[n])
            else:
                self.unknown[name] += int(own[n])

    def _is_light(self, thread: _Thread, n: int) -> bool:
        """Return whether a span without a formula does nothing; one without namespace is part of another."""
        name = thread.events[n].name
        above = int(thread.nesting.parent[n])
        inner = "::" not in name and above >= 0 and thread.events[above].name.startswith("aten::")
        return is_known_light(name) or inner

    def _counted(self, thread: _Thread, owners: list[tuple[Module, bool]]) -> Bools:
        """Return which spans are counted, having added their FLOPs."""
        counted = np.zeros(len(thread.events), dtype=np.bool_)
        until = -1
        for n, (event, arguments) in enumerate(zip(thread.events, thread.arguments, strict=True)):
            if int(thread.nesting.start_ns[n]) < until:
                continue
            shapes, values = arguments.get("Input Dims", ()), arguments.get("Concrete Inputs", ())
            flops = flops_of(event.name, shapes, values)
            if flops is None:
                continue
            counted[n], until = True, int(thread.nesting.end_ns[n])
            self.flops += flops
            self.modules.setdefault(owners[n][0], _Totals()).flops += flops
            dtype = _dtype(event.name, arguments.get("Input type"))
            if dtype is not None:
                self.dtypes[dtype] += int(flops)
        return counted

    def _add_kernels(self) -> None:
        """Add the time of kernels to the modules and operators that launched them."""
        self.owners.pop(-1, None)
        for kernel in self.kernels:
            ns = int(kernel.dur * 1e3)
            owner = self.owners.get(_integer(_arguments(kernel), "External id"))
            if owner is None:  # launched before the steps
                continue
            module, backward, unknown = owner
            self.all_ns += ns
            if unknown is None:
                self.known_ns += ns
            else:
                self.unknown[unknown] += ns
            totals = self.modules.setdefault(module, _Totals())
            totals.forward_ns += 0 if backward else ns
            totals.backward_ns += ns if backward else 0

    def _rows(self) -> tuple[ModuleWork, ...]:
        """Return the modules, layers of one list as one, the costliest first."""
        rows = [
            ModuleWork(
                name=name,
                kind=kind,
                calls=t.calls,
                forward_ns=t.forward_ns,
                backward_ns=t.backward_ns,
                flops=t.flops,
            )
            for (name, kind), t in self.modules.items()
        ]
        return tuple(sorted(rows, key=lambda r: -(r.forward_ns + r.backward_ns)))


def _integer(arguments: Mapping[str, Any], key: str) -> int:
    """Return a number of an event's arguments; -1 where it has none."""
    found = arguments.get(key)
    return found if isinstance(found, int) else -1


def _dtype(name: str, types: Any) -> str | None:
    """Return the dtype of an operator's arithmetic, as torch names it; None where it was not recorded."""
    at = main_input(name)
    return DTYPES.get(str(types[at])) if isinstance(types, list) and at < len(types) else None


def _named(name: str) -> Module:
    """Return path and class of the module whose range this is, layer numbers as *; else NOBODY."""
    if name.startswith(COMPILED):
        return name, "compiled region"
    if not name.startswith(RANGE):
        return NOBODY
    path, _, kind = name.removeprefix(RANGE).rpartition(" ")
    return LAYER.sub("*", path), kind
