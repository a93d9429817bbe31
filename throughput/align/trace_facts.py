"""Sum up what a trace shows of its devices in the form that rules read: copies, waits, kernels, calls."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from throughput.model.category import Category
from throughput.model.nesting import ThreadSpans
from throughput.model.timeline import DEVICE_KINDS, Ints, Step
from throughput.model.trace import SpanKind, TraceEvents

SYNC = re.compile(r"^(cuda|hip|cu)(Stream|Device|Event|Ctx)Synchronize")
WAITING_COPY = re.compile(r"^(cudaMemcpy|hipMemcpy)(WithStream|DtoH|HtoD|2D)?$")
"""Copies that return when they are done."""
ALLOCATES = re.compile(
    r"^(cuda|hip)(Malloc|Free|HostAlloc|FreeHost|MallocHost|HostMalloc)(Async|Managed)?$|^cuMem(Alloc|Create|Map)"
)
DIRECTION = re.compile(r"\b([HDP])to([HDP])\b|Copy(Host|Device)To(Host|Device)|(Host|Device)To(Host|Device)")
TINY_BYTES = 16_384
"""A copy of so little takes as long to launch (5 to 10 us) as it takes to run at a tenth of PCIe's speed."""
CLASSES = {
    "tensor_core": re.compile(
        r"h?884|1688|16816|16832|64x?\d+x16|tensorop|hmma|wgmma|gmma|_tc_|tf32|mma_sync|flash|cutlass.*bf16|xmma.*_f16|mfma|Cijk",
        re.IGNORECASE,
    ),
    "matmul_fp32": re.compile(
        r"sgemm|scudnn|simt_s|gemmSN|gemv2|_f32f32_f32f32|ffma|winograd", re.IGNORECASE
    ),
    "layout": re.compile(
        r"nchwToNhwc|nhwcToNchw|nchw2nhwc|nhwc2nchw|transpose_readWrite|batched_transpose|transposeNCHW",
        re.IGNORECASE,
    ),
    "softmax": re.compile(r"softmax", re.IGNORECASE),
    "attention": re.compile(r"flash|fmha|mem_eff|efficient_attention|sdpa|cudnn.*attention", re.IGNORECASE),
}
"""What kernels do -> how NVIDIA's, AMD's and PyTorch's are named; the first that matches."""


class _Thread:
    """The training thread's spans within the steps, what encloses what, and whose line a span is on."""

    def __init__(self, events: TraceEvents, spans: ThreadSpans) -> None:
        self.events = events
        self.rows = spans.rows
        self.nesting = spans.nesting
        kind = events.host.kind[self.rows]
        self._is_operator = kind == int(SpanKind.OPERATOR)
        self._is_python = kind == int(SpanKind.PYTHON)
        self._own = self._own_lines()

    def _own_lines(self) -> npt.NDArray[np.bool_]:
        """Return which spans are functions of own code, or have it on their stack."""
        events, host = self.events, self.events.host
        named = np.zeros(len(events.names), dtype=bool)
        named[[number for number, frame in events.frames.items() if frame.own]] = True
        stacked = np.array([any(f.own for f in stack) for stack in events.stack_frames] + [False], dtype=bool)
        own: npt.NDArray[np.bool_] = (self._is_python & named[host.name[self.rows]]) | stacked[
            host.stack[self.rows]
        ]
        return own

    def called(self, pattern: re.Pattern[str]) -> Ints:
        """Return the positions of calls of the runtime of such a name."""
        calls = self.events.named(SpanKind.RUNTIME, pattern.search)
        place = np.searchsorted(self.rows, calls)
        mine = place < len(self.rows)
        mine[mine] = self.rows[place[mine]] == calls[mine]
        return place[mine]

    def operators(self, positions: Ints) -> list[int]:
        """Return the innermost operator around each; -1 for none."""
        found: list[int] = self.nesting.climb(positions, self._is_operator).tolist()
        return found

    def name(self, position: int) -> str:
        """Return a span's name."""
        return self.events.names[int(self.events.host.name[self.rows[position]])]

    def lasted(self, positions: Ints) -> list[int]:
        """Return for how long each took."""
        found: list[int] = (self.nesting.end_ns[positions] - self.nesting.start_ns[positions]).tolist()
        return found

    def places(self, positions: Ints) -> list[str | None]:
        """Return "file:line" of the innermost line of own code around each; None where none is known."""
        return [self._line(position) for position in self.nesting.climb(positions, self._own).tolist()]

    def _line(self, position: int) -> str | None:
        if position < 0:
            return None
        host, row = self.events.host, int(self.rows[position])
        frame = self.events.frames.get(int(host.name[row])) if self._is_python[position] else None
        if frame is None or not frame.own:
            frame = next(f for f in self.events.stack_frames[int(host.stack[row])] if f.own)
        return f"{frame.file}:{frame.line}"


def device_facts(
    events: TraceEvents, thread: int | None, steps: Sequence[Step], spans: ThreadSpans
) -> dict[str, Any] | None:
    """Return totals over the steps; None where no device worked within them. `spans` are the thread's."""
    if not steps:
        return None
    first, last = steps[0].start_ns, steps[-1].end_ns
    device = events.device
    inside = np.flatnonzero((device.start_ns >= first) & (device.start_ns < last))
    if not len(inside):
        return None
    one = _Thread(events, spans)
    copies, launches = _copies(events, one, inside)
    return {
        "steps": len(steps),
        "copies": copies,
        "syncs": _syncs(one, launches),
        "kernels": _kernels(events, inside),
        "classes": _classes(events, inside),
        "allocations": _calls(one, ALLOCATES),
        "optimizer": _optimizer(events, thread, (first, last)),
        "loader": _loader(events, thread),
        "data_parallel": any(name.startswith("DataParallel.") for name in events.names),
    }


def direction_of(name: str) -> str:
    """Return h2d, d2h, d2d, p2p or other, from the name of a copy."""
    found = DIRECTION.search(name)
    if found is None:
        return "other"
    ends = [part[0].lower() for part in found.groups() if part]
    return f"{ends[0]}2{ends[1]}"


@dataclass(frozen=True, slots=True)
class _CopyCall:
    """A call of the host that copies: the operator around it, whether it waited, its line, when it was."""

    operator: int
    waited: bool
    place: str | None
    start_ns: int
    end_ns: int


def _copy_calls(events: TraceEvents, one: _Thread) -> dict[int, _CopyCall]:
    """Return the calls that copy, by what they and the copy have in common."""
    calls, syncs = one.called(re.compile("emcpy")), one.called(SYNC)
    begun = one.nesting.start_ns
    waits: dict[int, int] = {}
    for operator, start in zip(one.operators(syncs), begun[syncs].tolist(), strict=True):
        waits[operator] = max(waits.get(operator, -1), start)
    numbers = events.host.correlation[one.rows[calls]].tolist()
    columns = zip(calls.tolist(), one.operators(calls), one.places(calls), strict=True)
    found = {}
    for number, (call, operator, place) in zip(numbers, columns, strict=True):
        # In its own call, or later in the operator that began it.
        later = operator >= 0 and waits.get(operator, -1) >= int(begun[call])
        waited = later or WAITING_COPY.match(one.name(call)) is not None
        ended = int(one.nesting.end_ns[call])
        found[number] = _CopyCall(
            operator=operator, waited=waited, place=place, start_ns=int(begun[call]), end_ns=ended
        )
    return found


def _copies(events: TraceEvents, one: _Thread, inside: Ints) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """Return the copies by direction, memory, whether the thread waited, and place; and their launches."""
    device, names = events.device, events.names
    wanted = np.array(["emcpy" in name or "emory" in name or "Copy" in name for name in names], dtype=bool)
    kinds = [DEVICE_KINDS.index(c) for c in (Category.HOST_TO_DEVICE, Category.OTHER_MEMORY)]
    rows = inside[np.isin(device.kind[inside], kinds) & wanted[device.name[inside]]]
    calls = _copy_calls(events, one)
    calls.pop(-1, None)
    directions = {n: direction_of(names[n]) for n in np.unique(device.name[rows]).tolist()}
    totals: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    launched: dict[int, str] = {}
    columns = [
        c[rows].tolist()
        for c in (device.name, device.correlation, device.bytes, device.start_ns, device.end_ns)
    ]
    for name, number, size, start, end in zip(*columns, strict=True):
        call, direction = calls.get(number), directions[name]
        if call is not None:
            launched[call.operator] = direction
        pinned = True if "Pinned" in names[name] else False if "Pageable" in names[name] else None
        waited, place, before = None, None, 0
        if call is not None:
            waited, place = call.waited, call.place
            # What the host prepares first: the rest of the call is the copy itself.
            before = max(0, min(call.end_ns, start) - call.start_ns)
        sums = totals[direction, pinned, waited, place]
        for column, amount in enumerate((end - start, size, 1, int(0 < size <= TINY_BYTES), before)):
            sums[column] += amount
    keys, amounts = ("direction", "pinned", "blocking", "place"), ("ns", "bytes", "count", "tiny", "call_ns")
    found: list[dict[str, Any]] = [
        dict(zip(keys, key, strict=True)) | dict(zip(amounts, row, strict=True))
        for key, row in totals.items()
    ]
    return found, launched


def _syncs(one: _Thread, launched: dict[int, str]) -> list[dict[str, Any]]:
    """Return the waits for the device by operator and line, without those of copies to it."""
    rows: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0, 0])
    positions = one.called(SYNC)
    columns = (positions.tolist(), one.operators(positions), one.places(positions), one.lasted(positions))
    for position, operator, place, lasted in zip(*columns, strict=True):
        direction = launched.get(operator) if operator >= 0 else None
        if direction == "h2d":
            continue
        name = one.name(operator if operator >= 0 else position)
        if direction == "d2h" and name == "aten::copy_":
            name = f"{name} to the cpu"
        sums = rows[name, place]
        sums[0] += lasted
        sums[1] += 1
    return [
        {"name": name, "place": place, "ns": ns, "count": count}
        for (name, place), (ns, count) in rows.items()
    ]


def _kernels(events: TraceEvents, inside: Ints) -> dict[str, int]:
    """Return how many kernels ran, and how long at least one did, summed over devices."""
    device = events.device
    rows = inside[_is_kernel(events, inside)]
    busy = 0
    for number in np.unique(device.device[rows]).tolist():
        mine = rows[device.device[rows] == number]
        start, end = device.start_ns[mine], device.end_ns[mine]
        before = np.concatenate([start[:1], np.maximum.accumulate(end)[:-1]])
        busy += int(np.maximum(end - np.maximum(start, before), 0).sum())
    return {"count": len(rows), "busy_ns": busy}


def _is_kernel(events: TraceEvents, rows: Ints) -> npt.NDArray[np.bool_]:
    kinds = [DEVICE_KINDS.index(c) for c in (Category.COMPUTE, Category.COMMUNICATION)]
    return np.isin(events.device.kind[rows], kinds)


def _classes(events: TraceEvents, inside: Ints) -> dict[str, int]:
    """Return for how long kernels of each class ran, ns, summed over kernels of computing."""
    device = events.device
    rows = inside[device.kind[inside] == DEVICE_KINDS.index(Category.COMPUTE)]
    by_name = np.bincount(device.name[rows], weights=(device.end_ns - device.start_ns)[rows])
    totals = dict.fromkeys((*CLASSES, "all"), 0)
    for number in np.flatnonzero(by_name).tolist():
        name, lasted = events.names[number], int(by_name[number])
        found = next((key for key, pattern in CLASSES.items() if pattern.search(name)), None)
        totals["all"] += lasted
        if found:
            totals[found] += lasted
    return totals


def _calls(one: _Thread, pattern: re.Pattern[str]) -> dict[str, int]:
    positions = one.called(pattern)
    lasted = one.nesting.end_ns[positions] - one.nesting.start_ns[positions]
    return {"count": len(positions), "ns": int(lasted.sum())}


def _optimizer(events: TraceEvents, thread: int | None, window: tuple[int, int]) -> dict[str, Any]:
    """Return how long the optimizer's steps take on the host, and how many kernels they launch."""
    host = events.host
    rows = events.named(SpanKind.ANNOTATION, lambda name: name.startswith("Optimizer.step#"))
    rows = rows[(host.start_ns[rows] >= window[0]) & (host.end_ns[rows] <= window[1])]
    rows = rows[host.thread[rows] == (-1 if thread is None else thread)]
    if not len(rows):
        return {}
    launching = events.named(SpanKind.RUNTIME, lambda name: "LaunchKernel" in name or "cuLaunch" in name)
    calls = host.start_ns[launching[host.thread[launching] == thread]]
    bounds = np.searchsorted(calls, np.stack([host.start_ns[rows], host.end_ns[rows]]))
    return {
        "name": events.names[int(host.name[rows[0]])].removeprefix("Optimizer.step#").removesuffix(".step"),
        "count": len(rows),
        "ns": int((host.end_ns - host.start_ns)[rows].sum()),
        "launches": int((bounds[1] - bounds[0]).sum()),
    }


def _loader(events: TraceEvents, thread: int | None) -> dict[str, Any]:
    """Return how often the training thread asked a DataLoader for a batch, and whether that has workers."""
    host = events.host
    rows = events.named(SpanKind.ANNOTATION, lambda name: name.startswith("enumerate(DataLoader)#"))
    rows = rows[host.thread[rows] == (-1 if thread is None else thread)]
    if not len(rows):
        return {}
    return {"count": len(rows), "workers": "MultiProcessing" in events.names[int(host.name[rows[0]])]}
