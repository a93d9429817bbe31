"""Make small synthetic facts, for the examples that every rule carries; nothing here is measured.

Steps take 100 ms, so a share of 0.5 is 50 ms of a step. A file is the user's own unless it lies under
`site-packages/`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from throughput.diagnose.reading import TRAINING, WORKERS
from throughput.model.attribution import (
    Attribution,
    Hotspot,
    LoaderSummary,
    LockPlaces,
    LockSummary,
    Place,
    SplitRow,
    StepBreakdown,
)
from throughput.model.category import CATEGORIES, Block, Category, Phase, Source, State
from throughput.model.finding import Facts
from throughput.model.memory import KeptAt, KeptMemory, Memory, MemoryGrowth
from throughput.model.run import CollectorStatus, Run, Window
from throughput.model.timeline import (
    Batches,
    Counter,
    Frame,
    Loader,
    Operators,
    Pause,
    Samples,
    Segments,
    Stacks,
    Step,
    Timeline,
    Track,
)

STEP_NS = 100_000_000
STEPS = 100
COLLECTORS = (
    "light",
    "stacks",
    "locks",
    "torch",
    "cprofile",
    "syscalls",
    "loader",
    "host",
    "gpu",
)
HALF = 0.005
"""Half of each interval's width: half a point."""
SAMPLES = 10_000
MICRO_BATCHES = 4

Spots = tuple[Hotspot, ...]
Stack = tuple[str, ...]


def spot(name: str, share: float, at: str = "train.py:10", **changes: Any) -> Hotspot:
    """Return a place in the training process; `at` is its file:line, `caller` may be given as "file:line"."""
    file, _, line = at.rpartition(":")
    caller = changes.pop("caller", None)
    if isinstance(caller, str):
        path, _, at_line = caller.rpartition(":")
        caller = Place(function="caller", file=path, line=int(at_line))
    made = Hotspot(
        rank=0,
        name=name,
        file=file,
        line=int(line),
        function=name,
        caller=caller,
        process=TRAINING,
        thread="MainThread",
        ranks=(0,),
        category=Category.HOST_WORK,
        ns_per_step=share * STEP_NS,
        share=share,
        low=max(0.0, share - HALF),
        high=min(1.0, share + HALF),
        samples=int(share * SAMPLES),
    )
    return replace(made, **changes)


def loading(name: str, share: float, at: str = "data.py:10", **changes: Any) -> Hotspot:
    """Return a place of the data pipeline, in a worker unless `process` says otherwise."""
    return spot(name, share, at, **({"category": Category.DATA_LOADING, "process": WORKERS} | changes))


def loader(workers: int = 2, made_ms: float = 100, **changes: Any) -> LoaderSummary:
    """Return the life of a loader whose batches take `made_ms`, nearly all of it CPU."""
    made = LoaderSummary(
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        batches=STEPS,
        made_ns=made_ms * 1e6,
        fetch_ns=made_ms * 0.95e6,
        collate_ns=made_ms * 0.05e6,
        transfer_ns=0.5e6 if workers else 0.0,
        cpu_ns=made_ms * 0.97e6,
        blocked_ns=made_ms * 0.02e6,
        runq_ns=made_ms * 0.01e6,
        waited_ns=0.5 * STEP_NS,
        readiness=0.5,
        busy_share=0.99,
        per_worker_made_ns=(made_ms * 1e6,) * workers,
        out_of_order_share=0.0,
    )
    return replace(made, **changes)


def settings(workers: int = 2, **changes: Any) -> Loader:
    """Return a DataLoader's settings, as torch's defaults have them."""
    made = Loader(
        number=1,
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        batch_size=32,
        pin_memory=False,
        persistent_workers=False,
        in_order=True,
        start_method="fork",
        iterable=False,
        dataset="Images",
        iterators_started=1,
    )
    return replace(made, **changes)


def batches(made_ms: float, late_ms: float, every: int = 8, ready_ms: float = 0) -> Batches:
    """Return a batch for each step, made in `made_ms`, but each `every`-th `late_ms` after it was wanted.

    The batch after a late one was made `ready_ms` before the late one was wanted.
    """
    number = np.arange(STEPS, dtype=np.int64)
    wanted = number * STEP_NS + 1
    is_late = number % every == 1
    made = np.where(is_late, wanted + int(late_ms * 1e6), wanted - 1_000_000)
    made = np.where(np.roll(is_late, 1), np.roll(wanted, 1) - int(ready_ms * 1e6), made)
    length = np.where(is_late, int((made_ms + late_ms) * 1e6), int(made_ms * 1e6))
    made = np.maximum(made, 1)
    return Batches(
        loader=np.ones_like(number), index=number, wanted_ns=wanted, made_ns=made, begun_ns=made - length
    )


def backwards(blocked_ms: tuple[float, ...]) -> Segments:
    """Return the segments of steps with so many backwards, each of 5 ms of CPU and so much waiting."""
    rows = [
        (int(phase), step * STEP_NS + int(20e6 * n) + begin, int(5e6), int(waits * 1e6))
        for step in range(STEPS)
        for n, blocked in enumerate(blocked_ms)
        for phase, begin, waits in ((Phase.REST, 0, 0.0), (Phase.BACKWARD, int(5e6), blocked))
    ]
    phase, start, cpu, blocked = np.array(rows, dtype=np.int64).T
    return Segments(phase=phase, start_ns=start, end_ns=start + cpu + blocked, cpu_ns=cpu, runq_ns=cpu * 0)


def small_operators(count: int) -> Operators:
    """Return so many operators of 10 us each, in the first ten steps."""
    start = np.arange(count, dtype=np.int64) * (10 * STEP_NS // count)
    name = np.zeros(count, dtype=np.int64)
    return Operators(names=("aten::mul",), name=name, start_ns=start, end_ns=start + 10_000)


def lock(name: str = "self._lock", kind: str = "Lock", **changes: Any) -> LockSummary:
    """Return a lock that cost nothing, but for what `changes` say."""
    places = LockPlaces(
        name=name, kind=kind, made_at="cache.py:5", held_at="cache.py:20", waited_at="data.py:30"
    )
    made = LockSummary(
        places=places,
        waits=500,
        training_ns_per_step=0.0,
        through_waker_ns_per_step=0.0,
        idle_ns_per_step=0.0,
        holder="writer",
        waiters=("training thread",),
    )
    return replace(made, **changes)


def growing(bytes_per_step: float, *, limit: float = 16e9, **changes: Any) -> Memory:
    """Return the memory of a training process that grows by so much in each of 100 steps, from 1 GB."""
    grown = MemoryGrowth(
        role="training process",
        bytes_per_step=bytes_per_step,
        low=0.9 * bytes_per_step,
        high=1.1 * bytes_per_step,
        steps=STEPS,
        first_bytes=1e9,
        last_bytes=1e9 + STEPS * bytes_per_step,
        is_steady=True,
        steps_to_limit=limit / bytes_per_step,
    )
    grown = replace(grown, **changes)
    if grown.low <= 0:
        grown = replace(grown, steps_to_limit=None)
    return Memory(limit_bytes=limit, limit_source="the machine's memory", growth=grown)


def keeping(size: float, graphs: float) -> KeptMemory:
    """Return what stayed in six steps: of one line, so many bytes a step, in tensors with graphs or none."""
    line = KeptAt(
        function="main",
        file="train.py",
        line=9,
        objects_per_step=2.0,
        bytes_per_step=size,
        tensors_per_step=graphs,
        graphs_per_step=graphs,
    )
    return KeptMemory(steps=6, bytes_per_step=size, lines=(line,))


def facts(split: dict[Category, float] | None = None, places: Spots = (), **parts: Any) -> Facts:
    """Return facts of a run of 100 steps in which every collector worked.

    Args:
        split: category -> share; the others are measured zeros, and what is missing to 1 is compute.
        places: hotspots; they are also the functions.
        parts: loader (LoaderSummary), locks, loaders, pauses (kind, start ms, end ms), counters
            (name -> value), environment, facts, durations_ms (of the steps), batches (Batches), operators
            (Operators), memory (Memory), sources, stacks (share and ("file function line", ...), of the
            training thread), missing (collectors that failed), torch_steps (the first so many are under
            torch.profiler).
    """
    shares = dict(split or {})
    shares.setdefault(Category.COMPUTE, max(0.0, 1 - sum(shares.values())))
    durations = parts.get("durations_ms", (STEP_NS / 1e6,) * STEPS)
    frames, samples = _stacks(parts.get("stacks", ()), places, int(sum(durations) * 1e6))
    steps = _steps(durations, parts.get("torch_steps", 0))
    timeline = Timeline(
        rank=0,
        steps=steps,
        tracks=(Track(pid=1, tid=1, native_id=1, name="MainThread", role="training", rank=0),),
        stacks=frames,
        samples=samples,
        batches=parts.get("batches", Batches()),
        loaders=tuple(parts.get("loaders", ())),
        operators=parts.get("operators", Operators()),
        pauses=tuple(
            Pause(kind=k, start_ns=int(a * 1e6), end_ns=int(b * 1e6)) for k, a, b in parts.get("pauses", ())
        ),
        counters=_counters(parts.get("counters", {})),
        sources=parts.get("sources", {}),
        facts=parts.get("facts", {}),
        window_ns=(0, steps[-1].end_ns) if steps else (0, 0),
    )
    attribution = Attribution(
        rank=0,
        steps=tuple(
            StepBreakdown(
                index=s.index, duration_ns=s.duration_ns, parts_ns={Category.COMPUTE: s.duration_ns}
            )
            for s in steps
        ),
        split=tuple(_row(category, shares.get(category, 0.0)) for category in CATEGORIES),
        hotspots=places,
        functions=places,
        locks=tuple(parts.get("locks", ())),
        loader=parts.get("loader"),
        memory=parts.get("memory"),
    )
    return Facts(run=_run(parts), timeline=timeline, attribution=attribution)


def _run(parts: dict[str, Any]) -> Run:
    missing = parts.get("missing", ())
    environment: dict[str, Any] = {"cpus": 4, "cpu_quota": None, "torch_num_threads": 1, "env": {}}
    return Run(
        run_id="example",
        tool_version="0",
        command=("train.py",),
        script="train.py",
        script_dir=".",
        cwd=".",
        started_at="2026-01-01T00:00:00+00:00",
        window=Window(asked=STEPS, kept=STEPS, clean=STEPS),
        environment=environment | parts.get("environment", {}),
        collectors=tuple(
            CollectorStatus(name=name, state="unavailable" if name in missing else "ok")
            for name in COLLECTORS
        ),
    )


def _steps(durations_ms: tuple[float, ...], torch_steps: int) -> tuple[Step, ...]:
    steps, start = [], 0
    for index, duration in enumerate(durations_ms):
        end = start + int(duration * 1e6)
        block = Block.TORCH if index < torch_steps else Block.LIGHT
        steps.append(Step(index=index, start_ns=start, end_ns=end, block=block))
        start = end
    return tuple(steps)


def _row(category: Category, share: float) -> SplitRow:
    return SplitRow(
        category=category,
        share=share,
        low=max(0.0, share - HALF),
        high=min(1.0, share + HALF),
        ns_per_step=share * STEP_NS,
        source=Source.STACKS,
        state=State.MEASURED,
    )


def _counters(values: dict[str, float]) -> tuple[Counter, ...]:
    return tuple(
        Counter(
            name=name, unit="count", time_ns=np.array([1], dtype=np.int64), value=np.array([float(value)])
        )
        for name, value in values.items()
    )


def _frame(text: str) -> Frame:
    file, function, line = text.split(" ")
    return Frame(function=function, file=file, line=int(line), own="site-packages/" not in file, first_line=1)


def _stacks(shares: tuple[tuple[float, Stack], ...], places: Spots, whole_ns: int) -> tuple[Stacks, Samples]:
    """Return stacks that fill the window in these shares, and the frames of all places."""
    rest = max(0.0, 1 - sum(share for share, _ in shares))
    filled = [*shares, (rest, ("train.py main 1",))]
    texts = [text for _, stack in filled for text in stack]
    for place in places:
        texts.append(f"{place.file} {place.function.replace(' ', '_')} {place.line}")
        if place.caller is not None:
            texts.append(f"{place.caller.file} {place.caller.function} {place.caller.line}")
    names = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    ends = np.cumsum([int(share * whole_ns) for share, _ in filled]).astype(np.int64)
    many = len(filled)
    samples = Samples(
        track=np.zeros(many, np.int64),
        start_ns=np.concatenate([np.zeros(1, np.int64), ends[:-1]]),
        end_ns=ends,
        stack=np.arange(many, dtype=np.int64),
        count=np.array([int(share * SAMPLES) for share, _ in filled], dtype=np.int64),
    )
    stacks = tuple(tuple(names[text] for text in stack) for _, stack in filled)
    return Stacks(frames=tuple(_frame(text) for text in names), stacks=stacks), samples


def with_collectors(made: Facts, collectors: tuple[CollectorStatus, ...]) -> Facts:
    """Return the same facts of a run in which only these collectors worked."""
    return replace(made, run=replace(made.run, collectors=collectors))
