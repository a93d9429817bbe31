"""Timelines made by hand: 40 steps of 100 ms with two workers, a lock, samples, calls and counters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from tests.unit.render import builders as b
from throughput.model.attribution import Attribution
from throughput.model.category import Block, Phase
from throughput.model.finding import Facts
from throughput.model.report import Analysis, Report
from throughput.model.run import Run
from throughput.model.timeline import (
    Batches,
    Call,
    Counter,
    Frame,
    LockInfo,
    LockWaits,
    Samples,
    Segments,
    Stacks,
    Step,
    Timeline,
    Track,
)

MS = 1_000_000
STEPS = 40
BEGIN = 5_000 * MS
LENGTH = 100 * MS
END = BEGIN + STEPS * LENGTH


def column(*values: int) -> Any:
    """Return a column of a timeline."""
    return np.array(values, dtype=np.int64)


def begins() -> list[int]:
    """Return when each step begins; step 20 takes three times as long as the others."""
    return [BEGIN + i * LENGTH + (2 * LENGTH if i > 20 else 0) for i in range(STEPS)]


def steps() -> tuple[Step, ...]:
    """Return the steps, the first two of them warm-up."""
    edges = [*begins(), END + 2 * LENGTH]
    return tuple(
        Step(index=i, start_ns=a, end_ns=z, block=Block.LIGHT if i > 1 else Block.WARMUP, samples=64)
        for i, (a, z) in enumerate(pairwise(edges))
    )


def segments() -> Segments:
    """Return each step as loader 50 %, rest 20 %, backward 20 %, optimizer 10 %."""
    rows = []
    for step in steps():
        edge = step.start_ns
        for phase, share in ((Phase.LOADER, 5), (Phase.REST, 2), (Phase.BACKWARD, 2), (Phase.OPTIMIZER, 1)):
            end = edge + step.duration_ns * share // 10
            rows.append((int(phase), edge, end))
            edge = end
    phase, start, end_ = (column(*values) for values in zip(*rows, strict=True))
    return Segments(phase=phase, start_ns=start, end_ns=end_, cpu_ns=end_ - start, runq_ns=start * 0)


def batches() -> Batches:
    """Return a batch a step, made by two workers in turn; the last one was never made."""
    start = np.array(begins(), dtype=np.int64)
    made = start + 45 * MS
    made[-1] = -1
    number = np.arange(STEPS, dtype=np.int64)
    return Batches(
        loader=number * 0,
        index=number,
        worker=number % 2,
        asked_ns=start - 60 * MS,
        begun_ns=start - 40 * MS,
        fetched_ns=start + 30 * MS,
        made_ns=made,
        arrived_ns=start + 48 * MS,
        consumed_ns=start + 50 * MS,
        cpu_ns=number * 0 + 80 * MS,
        runq_ns=number * 0,
        wanted_ns=start,
    )


def frame(function: str, file: str, line: int, *, own: bool = True, **changes: Any) -> Frame:
    """Return a line of a function."""
    return Frame(function=function, file=file, line=line, own=own, **changes)


def timeline(**changes: Any) -> Timeline:
    """Return the whole timeline of rank 0."""
    start = begins()
    frames = (
        frame("main", "train.py", 10, first_line=3),
        frame("Elastic.__call__", "data/augment.py", 48, first_line=46),
        frame("round", "numpy/_core/fromnumeric.py", 3713, own=False, module="numpy._core.fromnumeric"),
        frame(b.HOSTILE[0], b.HOSTILE[4], 1, own=False),
    )
    fields = {
        "rank": 0,
        "steps": steps(),
        "tracks": (
            Track(pid=100, tid=1, native_id=100, name="MainThread", role="training", rank=0),
            Track(pid=101, tid=1, native_id=101, name="MainThread", role="worker", rank=0, worker=0),
            Track(pid=102, tid=1, native_id=102, name=b.HOSTILE[0], role="worker", rank=0, worker=1),
        ),
        "segments": segments(),
        "stacks": Stacks(frames=frames, stacks=((0,), (0, 1), (0, 1, 2), (0, 3))),
        "samples": Samples(
            track=column(0, 0, 1, 1, 2),
            start_ns=column(*(start[2] + i * 10 * MS for i in (0, 1, 0, 2, 1))),
            end_ns=column(*(start[2] + i * 10 * MS for i in (1, 4, 2, 3, 9))),
            stack=column(0, 1, 2, 2, 3),
            count=column(2, 6, 4, 2, 16),
        ),
        "lock_waits": LockWaits(
            start_ns=column(start[5] + 10 * MS, start[20] + 100 * MS),
            end_ns=column(start[5] + 30 * MS, start[20] + 220 * MS),
            track=column(0, 1),
            holder=column(1, -1),
            lock=column(0, 0),
            waiter_stack=column(1, -1),
            holder_stack=column(2, -1),
            locks=(LockInfo(name="self._lock", kind="Lock", made_at="stats.py:12"),),
        ),
        "batches": batches(),
        "calls": calls(),
        "counters": counters(),
        "window_ns": (BEGIN, END),
    }
    return Timeline(**{**fields, **changes})


def calls() -> tuple[Call, ...]:
    """Return what cProfile counted, one function twice under different roles."""
    library = {"function": "round", "file": "numpy/_core/fromnumeric.py", "line": 3713}
    own = {"function": "train", "file": "train.py", "line": 3}
    rows = ((library, 640, 9, 12, "worker"), (own, 1, 1, 900, "training"), (library, 10, 1, 2, "training"))
    return tuple(
        Call(**place, calls=number, self_ns=self_ * MS, total_ns=total * MS, role=role)  # type: ignore[arg-type]
        for place, number, self_, total, role in rows
    )


def counters() -> tuple[Counter, ...]:
    """Return readings every 50 ms: one with a hole, one that never moves, one of another process."""
    times = np.arange(BEGIN, END, 50 * MS, dtype=np.int64)
    wave = 0.5 + 0.4 * np.sin(np.arange(times.size) / 5)
    holed = np.concatenate([np.arange(0, 30), np.arange(50, times.size)])
    return (
        Counter(name="machine_cpu_share", unit="share", time_ns=times, value=wave),
        Counter(name="tree_cpus", unit="count", time_ns=times[holed], value=2 * wave[holed]),
        Counter(name="rss_bytes", unit="bytes", time_ns=times, value=2e9 + wave * 1e8, pid=100),
        Counter(name="rss_bytes", unit="bytes", time_ns=times, value=1e9 + wave, pid=101),
        Counter(name="disk_read_bytes_per_s", unit="per_s", time_ns=times, value=wave * 3e8),
        Counter(name="swap_in_bytes_per_s", unit="per_s", time_ns=times, value=wave * 0),
        Counter(name="gpu0_utilization_share", unit="share", time_ns=times, value=wave / 2),
        Counter(name="unheard_of", unit="furlong", time_ns=times, value=wave),
    )


def analysis(report: Report | None = None, **changes: Any) -> Analysis:
    """Return a report with the timeline behind it."""
    made = report or b.report()
    run = Run(
        run_id=made.run.run_id,
        tool_version="0.1.0",
        command=made.run.command,
        script="train.py",
        script_dir=".",
        cwd=".",
        started_at=made.run.started_at,
        window=made.run.window,
    )
    attribution = Attribution(rank=0, steps=(), split=made.split, hotspots=made.hotspots)
    return Analysis(
        report=made, facts=(Facts(run=run, timeline=timeline(**changes), attribution=attribution),)
    )
