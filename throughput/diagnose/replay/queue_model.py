"""Replay a training loop and its loader from durations of work alone: waits and the step time come out of it.

Actors are the training thread and those who make its batches. Each does work that needs a CPU, work that
doesn't (disk, network, sleep, another's lock), or waits for another. CPUs are shared equally among all who
want one (processor sharing), so more work than CPUs stretches everything.
"""

from __future__ import annotations

import heapq
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TINY_NS = 1.0
"""Less work than this is done: rounding would otherwise keep an actor alive."""
CPU, BLOCKED, WAIT = "cpu", "blocked", "wait"

Wish = tuple[str, float]
"""What an actor does next: for how many ns it wants a CPU or is blocked; or that it waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What a loop and its loader do for each batch, ns of work; columns of equal length, in batch order."""

    make_cpu: Floats
    make_blocked: Floats
    send: Floats
    """From made by a worker to there for the training thread, while the worker goes on with its next one."""
    loop_cpu: Floats
    """The training thread's work for a batch, outside of waiting for it: also unpickling it."""
    loop_blocked: Floats
    workers: int = 0
    """0: the training thread makes its batches itself."""
    prefetch: int = 2
    """Batches that each worker is asked for ahead."""
    in_order: bool = True
    persistent: bool = True
    cpus: float = 1.0
    """CPUs that the training process and its workers can have."""
    epochs: frozenset[int] = field(default_factory=frozenset)
    """Batches with which a new iterator begins: nothing was asked for ahead of them."""
    spawn_ns: float = 0.0
    """What the training thread pays to start workers that don't persist."""
    boot_ns: float = 0.0
    """How long a started worker takes until it can begin its first batch."""
    steps_per_batch: float = 1.0

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.loop_cpu)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came out: means a step, ns."""

    step_ns: float
    wait_ns: float
    """The training thread waited for a batch."""
    starved_ns: float
    """It had work to do and no CPU of its own to do it on."""


def replay(pipeline: Pipeline, passes: int = 2) -> Replayed:
    """Return the step time of the pipeline, its batches taken `passes` times; the first only fills queues.

    Raises:
        ValueError: there is no batch.
    """
    count = len(pipeline)
    if not count:
        raise ValueError("a replay needs at least one batch")
    run = _Run(pipeline, passes)
    run.play()
    first = count if passes > 1 else 0
    began = run.ended[first - 1] if first else 0.0
    batches = len(run.ended) - first
    scale = 1.0 / (max(batches, 1) * pipeline.steps_per_batch)
    wall = run.ended[-1] - began
    return Replayed(
        step_ns=wall * scale,
        wait_ns=sum(run.waited[first:]) * scale,
        starved_ns=max(0.0, wall - sum(run.waited[first:]) - sum(run.worked[first:])) * scale,
    )


@dataclass(slots=True, eq=False)
class _Actor:
    script: Iterator[Wish]
    cpu_left: float = 0.0
    waits: bool = False


class _Run:
    """One replay under way."""

    def __init__(self, pipeline: Pipeline, passes: int) -> None:
        self.pipeline = pipeline
        self.total = len(pipeline) * passes
        self.now = 0.0
        self.asked = self.ask_until = 0
        self.tasks: list[deque[int]] = [deque() for _ in range(pipeline.workers)]
        self.ready_at = [0.0] * pipeline.workers
        self.made: set[int] = set()
        self.ended: list[float] = []
        self.waited: list[float] = []
        self.worked: list[float] = []
        workers = [_Actor(self._worker(number)) for number in range(pipeline.workers)]
        self.actors = [_Actor(self._training()), *workers]
        self.running: list[_Actor] = []
        self.blocked: list[tuple[float, int]] = []
        self.under_way: list[tuple[float, int]] = []
        """Batches on their way from a worker, and when they are there."""

    def play(self) -> None:
        """Run until the training thread has used its last batch."""
        free = list(range(len(self.actors)))
        while len(self.ended) < self.total:
            for number in free:
                self._go_on(number)
            self._wake()
            free = self._advance()

    def _go_on(self, number: int) -> None:
        """Let an actor go on until it works, is blocked or waits."""
        actor = self.actors[number]
        actor.waits = False
        for kind, ns in actor.script:
            if kind == WAIT:
                actor.waits = True
                return
            if ns < TINY_NS:
                continue
            if kind == CPU:
                actor.cpu_left = ns
                self.running.append(actor)
            else:
                heapq.heappush(self.blocked, (self.now + ns, number))
            return

    def _wake(self) -> None:
        """Ask those who wait whether they still do, until nobody goes on."""
        while True:
            before = [number for number, actor in enumerate(self.actors) if actor.waits]
            for number in before:
                self._go_on(number)
            if before == [number for number, actor in enumerate(self.actors) if actor.waits]:
                return

    def _advance(self) -> list[int]:
        """Move the clock to the next end of some work; return who has ended."""
        rate = min(1.0, self.pipeline.cpus / len(self.running)) if self.running else 1.0
        ends = [actor.cpu_left / rate for actor in self.running]
        ends += [queue[0][0] - self.now for queue in (self.blocked, self.under_way) if queue]
        if not ends:
            return []
        span = max(0.0, min(ends))
        self.now += span
        for actor in self.running:
            actor.cpu_left -= span * rate
        ended = [
            n for n, actor in enumerate(self.actors) if actor in self.running and actor.cpu_left < TINY_NS
        ]
        self.running = [actor for actor in self.running if actor.cpu_left >= TINY_NS]
        while self.blocked and self.blocked[0][0] <= self.now + TINY_NS:
            ended.append(heapq.heappop(self.blocked)[1])
        while self.under_way and self.under_way[0][0] <= self.now + TINY_NS:
            self.made.add(heapq.heappop(self.under_way)[1])
        return ended

    def _ask(self) -> None:
        """Ask the next worker for one more batch of this epoch."""
        if self.asked < self.ask_until:
            worker = self.asked % self.pipeline.workers
            if not self.pipeline.in_order:
                worker = min(range(self.pipeline.workers), key=lambda n: len(self.tasks[n]))
            self.tasks[worker].append(self.asked)
            self.asked += 1

    def _begin_epoch(self, batch: int) -> Iterator[Wish]:
        p = self.pipeline
        if batch and not p.persistent:
            yield CPU, p.spawn_ns
        if not batch or not p.persistent:
            self.ready_at = [self.now + p.boot_ns] * p.workers
        count = len(p)
        later = [k for k in range(batch + 1, self.total) if k % count in p.epochs]
        # After the last batch of the replay others follow in life: workers don't rest at its end.
        self.ask_until = later[0] if later else sys.maxsize
        for _ in range(p.workers * p.prefetch):
            self._ask()

    def _training(self) -> Iterator[Wish]:
        p, count = self.pipeline, len(self.pipeline)
        for batch in range(self.total):
            row = batch % count
            work = float(p.loop_cpu[row] + p.loop_blocked[row])
            if not p.workers:
                yield CPU, float(p.make_cpu[row])
                yield BLOCKED, float(p.make_blocked[row])
                work += float(p.make_cpu[row] + p.make_blocked[row])
            wanted = self.now
            if p.workers:
                if not batch or row in p.epochs:
                    yield from self._begin_epoch(batch)
                while not (self.made if not p.in_order else batch in self.made):
                    yield WAIT, 0.0
                self.made.discard(batch if p.in_order else min(self.made))
                self._ask()
            self.waited.append(self.now - wanted)
            yield CPU, float(p.loop_cpu[row])
            yield BLOCKED, float(p.loop_blocked[row])
            self.ended.append(self.now)
            self.worked.append(work)

    def _worker(self, number: int) -> Iterator[Wish]:
        p, count = self.pipeline, len(self.pipeline)
        while True:
            while not self.tasks[number]:
                yield WAIT, 0.0
            batch = self.tasks[number].popleft()
            yield BLOCKED, max(0.0, self.ready_at[number] - self.now)
            yield BLOCKED, float(p.make_blocked[batch % count])
            yield CPU, float(p.make_cpu[batch % count])
            send = float(p.send[batch % count])
            if send < TINY_NS:
                self.made.add(batch)
            else:
                heapq.heappush(self.under_way, (self.now + send, batch))
