"""Timelines put together by hand, in milliseconds: steps, phases, stretches of stacks, locks, batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from throughput.model.category import Block, Phase
from throughput.model.timeline import (
    KINDS,
    Batches,
    BlockedSamples,
    Frame,
    Loader,
    LockInfo,
    LockWaits,
    Operators,
    Samples,
    Segments,
    Stacks,
    Step,
    Timeline,
    Track,
)

MS = 1_000_000
BEGIN = 1_000 * MS


def own(function: str, line: int, file: str = "train.py") -> Frame:
    """Return a frame of the user's code."""
    return Frame(function=function, file=file, line=line, own=True, first_line=1)


def library(function: str, file: str, line: int = 10) -> Frame:
    """Return a frame of an installed package; its module follows from the file."""
    module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return Frame(function=function, file=file, line=line, own=False, first_line=5, module=module)


MAIN = own("<module>", 90)
TRAIN = own("train", 40)
LOCK_MADE = LockInfo(name="Cache.lock", kind="Lock", made_at="pool.py:3")
LOADER = library("_BaseDataLoaderIter.__next__", "torch/utils/data/dataloader.py")
MATMUL = library("Linear.forward", "torch/nn/modules/linear.py")
QUEUE_GET = library("Queue.get", "queue.py")
WORKER_LOOP = library("_worker_loop", "torch/utils/data/_utils/worker.py")
FETCH = library("_MapDatasetFetcher.fetch", "torch/utils/data/_utils/fetch.py")


def ns(ms: float) -> int:
    """Return the time at which so many ms of the window have passed."""
    return BEGIN + round(ms * MS)


def columns(rows: list[tuple[int, ...]], width: int) -> Any:
    """Return rows as columns of a timeline."""
    return np.array(rows, dtype=np.int64).reshape(-1, width).T


@dataclass
class Scene:
    """Collects what happened; `timeline` returns it. Track 0 is the training thread."""

    at: float = 0.0
    steps: list[Step] = field(default_factory=list)
    segments: list[tuple[int, ...]] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    frames: dict[Frame, int] = field(default_factory=dict)
    stacks: dict[tuple[int, ...], int] = field(default_factory=dict)
    samples: list[tuple[int, ...]] = field(default_factory=list)
    waits: list[tuple[int, ...]] = field(default_factory=list)
    locks: dict[LockInfo, int] = field(default_factory=dict)
    blocked: list[tuple[int, ...]] = field(default_factory=list)
    batches: list[tuple[int, ...]] = field(default_factory=list)
    loaders: list[Loader] = field(default_factory=list)
    operators: list[tuple[int, int]] = field(default_factory=list)
    sources: dict[str, dict[int, str]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.track("training", "MainThread")

    def track(self, role: str, name: str, pid: int = 100, worker: int | None = None) -> int:
        """Add a thread; return its number."""
        number = len(self.tracks)
        self.tracks.append(
            Track(pid=pid, tid=number, native_id=number, name=name, role=role, rank=0, worker=worker)
        )
        return number

    def step(self, *phases: tuple[Any, ...], block: Block = Block.LIGHT) -> None:
        """Add a step of phases (phase, ms, run-queue ms, blocked ms), each ending where the next begins."""
        start = self.at
        for phase, ms, *rest in phases:
            runq, blocked = [*rest, 0, 0][:2]
            begin, self.at = self.at, self.at + ms
            cpu = round((ms - runq - blocked) * MS)
            self.segments.append((int(phase), ns(begin), ns(self.at), cpu, round(runq * MS)))
        self.steps.append(
            Step(index=len(self.steps) + 1, start_ns=ns(start), end_ns=ns(self.at), block=block, samples=8)
        )

    def stack(self, *frames: Frame) -> int:
        """Return the number of a stack, outermost frame first."""
        key = tuple(self.frames.setdefault(frame, len(self.frames)) for frame in frames)
        return self.stacks.setdefault(key, len(self.stacks))

    def sample(
        self, start: float, end: float, *frames: Frame, track: int = 0, phase: Phase = Phase.REST
    ) -> None:
        """Add a stretch of one stack, sampled every ms."""
        shown = int(phase) if track == 0 else -1
        count = max(1, round(end - start))
        self.samples.append((track, ns(start), ns(end), self.stack(*frames), count, shown))

    def wait(
        self, start: float, end: float, lock: LockInfo, waiter: int = 0, holder: int = -1, **stacks: int
    ) -> None:
        """Add a wait for a lock; `waited` and `held` are numbers of stacks."""
        number = self.locks.setdefault(lock, len(self.locks))
        held, waited = stacks.get("held", -1), stacks.get("waited", -1)
        self.waits.append((ns(start), ns(end), waiter, holder, number, waited, held))

    def block(self, at: float, ms: float, kind: str, track: int = 0) -> None:
        """Add an instant at which a thread was blocked, standing for the `ms` before it."""
        self.blocked.append((ns(at), round(ms * MS), track, KINDS.index(kind), 0x1000))

    def batch(self, wanted: float, taken: float, begun: float, made: float, worker: int = 0) -> None:
        """Add a batch: wanted and taken by the training thread, begun and made by a worker."""
        index = len(self.batches)
        cpu = round((made - begun) * MS)
        middle = (begun + made) / 2
        times = (ns(begun), ns(begun), ns(middle), ns(made), ns(made), ns(taken))
        self.batches.append((1, index, worker, *times, cpu, 0, ns(wanted)))

    def loader(self, workers: int, number: int = 1) -> None:
        """Add the loader that the batches are of."""
        self.loaders.append(
            Loader(
                number=number,
                num_workers=workers,
                prefetch_factor=2 if workers else None,
                batch_size=8,
                pin_memory=False,
                persistent_workers=False,
                in_order=True,
                start_method="fork",
                iterable=False,
                dataset="Recordings",
                iterators_started=1,
            )
        )

    def source(self, file: str, text: str) -> None:
        """Store a source file."""
        self.sources[file] = dict(enumerate(text.split("\n"), 1))

    def timeline(self) -> Timeline:
        """Return the timeline; columns are sorted by time, as aligning sorts them."""
        sample = columns(sorted(self.samples, key=lambda r: r[1]), 6)
        wait = columns(sorted(self.waits), 7)
        blocked = columns(sorted(self.blocked), 5)
        segment = columns(self.segments, 5)
        operator = columns(sorted(self.operators), 2)
        return Timeline(
            rank=0,
            steps=tuple(self.steps),
            tracks=tuple(self.tracks),
            segments=Segments(**_named("phase start_ns end_ns cpu_ns runq_ns", segment)),
            stacks=Stacks(frames=tuple(self.frames), stacks=tuple(self.stacks)),
            samples=Samples(**_named("track start_ns end_ns stack count phase", sample)),
            lock_waits=LockWaits(
                **_named("start_ns end_ns track holder lock waiter_stack holder_stack", wait),
                locks=tuple(self.locks),
            ),
            blocked=BlockedSamples(**_named("time_ns weight_ns track kind address", blocked)),
            batches=Batches(**_named(BATCH_COLUMNS, columns(self.batches, 12))),
            loaders=tuple(self.loaders),
            operators=Operators(
                names=("aten::mm",), name=operator[0] * 0, start_ns=operator[0], end_ns=operator[1]
            ),
            sources=self.sources,
            facts=self.facts,
            window_ns=(BEGIN, ns(self.at)),
        )


BATCH_COLUMNS = (
    "loader index worker asked_ns begun_ns fetched_ns made_ns arrived_ns consumed_ns cpu_ns runq_ns wanted_ns"
)


def _named(names: str, rows: Any) -> dict[str, Any]:
    return dict(zip(names.split(), rows, strict=True))
