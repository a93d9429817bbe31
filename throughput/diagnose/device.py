"""Read what a run says of its device, `timeline.facts["device"]`: copies, syncs and kernels, as totals.

Its form, all times in ns and summed over `steps` steps; what could not be seen is absent or null:

    {"name": "NVIDIA H100", "steps": 50,
     "copies": [{"direction": "h2d" | "d2h" | "d2d", "bytes": 4096, "ns": 900, "count": 1,
                 "pinned": true, "blocking": false, "place": "train.py:31"}],
     "syncs": [{"name": "aten::item", "ns": 800000, "count": 50, "place": "train.py:40"}],
     "kernels": {"count": 12000, "busy_ns": 90000000},
     "classes": {"all": 90000000, "matmul_fp32": 50000000, "layout": 4000000},
     "allocations": {"count": 60, "ns": 9000000},
     "optimizer": {"name": "SGD", "count": 50, "ns": 400000000, "launches": 24000},
     "loader": {"count": 50, "workers": false}}

The last four are of traces. A row is all copies or syncs of one kind at one place. Rows that are no such
thing are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from throughput.diagnose import costs
from throughput.diagnose.reading import number
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Prediction

REPLAY_ERROR_MAX = 0.10
"""Of the step time: a replay of the unchanged trace that misses by more predicts nothing."""
REPLAY_ERROR_LEAST = 0.03
"""What a replay is off on the traces at hand, at the median."""
CHANGES = {
    "loading": "batches are there when they are asked for, made by others than the training thread",
    "syncs": "the training thread waits for the device nowhere",
    "copies": "copies to the device run on a stream of their own, and nobody waits for them",
}

AT_PACE = "this rank needs as long from one collective to the next as the median of the others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Copies of one kind at one place; `pinned` and `blocking` are None where unknown."""

    direction: str
    ns: float
    bytes: float
    count: float
    pinned: bool | None
    blocking: bool | None
    place: str | None
    tiny: float = 0.0
    """How many of them move at most 16 kB."""
    call_ns: float = 0.0
    """What the calls took the training thread before the copies began: what is not pinned is copied twice,
    first by the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Times at which the training thread waited for the device in one call at one place."""

    name: str
    ns: float
    count: float
    place: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What the device did over `steps` steps."""

    steps: float
    copies: tuple[Copy, ...]
    syncs: tuple[Sync, ...]
    kernels: float | None
    kernel_ns: float | None
    classes: Mapping[str, float]
    """What kernels do -> ns."""
    allocations: tuple[float, float]
    """Calls that take memory from the device or give it back, and their ns."""
    optimizer: tuple[str, float, float, float] | None
    """Its class, how often it stepped, ns on the host, kernels launched."""
    has_workers: bool | None
    """Whether the loader that was seen has workers; None where none was seen."""


def read_device(facts: Facts) -> DeviceFacts | None:
    """Return what is known of the device; None without one, or where its steps were not counted."""
    raw = _mapping(facts.timeline.facts.get("device"))
    steps = number(raw.get("steps"))
    if steps is None or steps <= 0:
        return None
    kernels = _mapping(raw.get("kernels"))
    return DeviceFacts(
        steps=steps,
        copies=tuple(_copy(row) for row in _rows(raw.get("copies"))),
        syncs=tuple(_sync(row) for row in _rows(raw.get("syncs"))),
        kernels=number(kernels.get("count")),
        kernel_ns=number(kernels.get("busy_ns")),
        classes={str(k): number(v) or 0.0 for k, v in _mapping(raw.get("classes")).items()},
        allocations=(
            number(_mapping(raw.get("allocations")).get("count")) or 0.0,
            number(_mapping(raw.get("allocations")).get("ns")) or 0.0,
        ),
        optimizer=_optimizer(_mapping(raw.get("optimizer"))),
        has_workers=_flag(_mapping(raw.get("loader")).get("workers")),
    )


def host_wait_ns(facts: Facts) -> float:
    """Return for how long of a step the mean device had nothing queued; 0 where that is not known."""
    devices = facts.attribution.devices
    waits = [cause.ns_per_step for one in devices for cause in one.idle if cause.cause == "host_wait"]
    return sum(waits) / len(devices) if devices else 0.0


def launching_part(facts: Facts) -> float:
    """Return the part of the host's work that is launching; all of it where that was not told apart."""
    known = [one.dispatch_ns_per_step for one in facts.attribution.devices]
    told = [ns for ns in known if ns is not None]
    work = costs.part_of(facts, Category.HOST_WORK)
    if not told or work is None or work.ns <= 0:
        return 1.0
    return min(1.0, sum(told) / len(told) / work.ns)


def with_replay(finding: Finding | None, facts: Facts, change: str) -> Finding | None:
    """Return a finding with what its fix buys in a replay of the trace, where that meets the trace."""
    replay = facts.attribution.trace_replay
    if finding is None or replay is None or abs(replay.error) > REPLAY_ERROR_MAX:
        return finding
    told = next((one for one in replay.changed if one.change == change), None)
    if told is None or told.speedup <= 1.0:
        return finding
    error = max(abs(replay.error), REPLAY_ERROR_LEAST)
    prediction = Prediction(
        speedup=told.speedup,
        low=max(1.0, told.speedup * (1 - error)),
        high=told.speedup * (1 + error),
        basis="replay",
        assumes=CHANGES[change],
    )
    return replace(finding, prediction=prediction, saves_ns_per_step=max(0.0, replay.step_ns - told.step_ns))


def with_level(finding: Finding | None, row: object) -> Finding | None:
    """Return a finding with what a replay of all ranks gives when this one is as early as the others."""
    level = _mapping(row)
    step = number(level.get("step_ns"))
    saved = [number(level.get(name)) or 0.0 for name in ("low_ns", "expected_ns", "high_ns")]
    if finding is None or not step or not 0 < saved[1] < step:
        return finding
    low, speedup, high = (step / max(step - ns, 0.01 * step) for ns in sorted(saved))
    prediction = Prediction(speedup=speedup, low=low, high=high, basis="replay", assumes=AT_PACE)
    return replace(finding, prediction=prediction, saves_ns_per_step=saved[1])


def _optimizer(row: Mapping[str, object]) -> tuple[str, float, float, float] | None:
    values = [number(row.get(name)) for name in ("count", "ns", "launches")]
    count, ns, launches = (0.0 if value is None else value for value in values)
    return (str(row.get("name", "")), count, ns, launches) if count > 0 else None


def _copy(row: Mapping[str, object]) -> Copy:
    return Copy(
        direction=str(row.get("direction", "")),
        ns=number(row.get("ns")) or 0.0,
        bytes=number(row.get("bytes")) or 0.0,
        count=number(row.get("count")) or 0.0,
        pinned=_flag(row.get("pinned")),
        blocking=_flag(row.get("blocking")),
        place=_text(row.get("place")),
        tiny=number(row.get("tiny")) or 0.0,
        call_ns=number(row.get("call_ns")) or 0.0,
    )


def _sync(row: Mapping[str, object]) -> Sync:
    return Sync(
        name=str(row.get("name", "")),
        ns=number(row.get("ns")) or 0.0,
        count=number(row.get("count")) or 0.0,
        place=_text(row.get("place")),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _rows(value: object) -> list[Mapping[str, object]]:
    rows = value if isinstance(value, list | tuple) else ()
    return [row for row in rows if isinstance(row, dict) and (number(row.get("ns")) or 0) > 0]


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
