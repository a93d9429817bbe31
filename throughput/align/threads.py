"""Name the observed threads: which is the training thread, which belong to workers, feeders, pinning."""

from __future__ import annotations

from dataclasses import dataclass, field

from throughput.model.timeline import Frame, Track

FEEDER = ("_feed", "multiprocessing/queues.py")
PIN = ("_pin_memory_loop", "torch/utils/data/_utils/pin_memory.py")
RUNNERS = ("_bootstrap", "_bootstrap_inner", "run", "__bootstrap", "_worker")
"""Frames at the root of every thread; the one after them is what the thread is for."""


@dataclass(slots=True)
class Tracks:
    """The tracks of one rank, made as threads are met."""

    rank: int
    training: tuple[int, int]
    """Process and thread of the training thread."""
    workers: dict[int, int]
    """Process of each DataLoader worker -> its number."""
    names: dict[tuple[int, int], tuple[str, int | None]] = field(default_factory=dict)
    """(process, thread) -> name and native id, as the process noted them."""
    found: list[Track] = field(default_factory=list)
    _numbers: dict[tuple[int, int], int] = field(default_factory=dict)

    def number(self, pid: int, tid: int, frames: tuple[Frame, ...] = ()) -> int:
        """Return the index of a thread's track; `frames` of one of its stacks tell what it is for."""
        key = (pid, tid)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.found)
            self.found.append(self._make(pid, tid, frames))
        return known

    def _make(self, pid: int, tid: int, frames: tuple[Frame, ...]) -> Track:
        name, native = self.names.get((pid, tid), ("", None))
        worker = self.workers.get(pid)
        role = self._role(pid, tid, frames, worker)
        return Track(
            pid=pid,
            tid=tid,
            native_id=native if native is not None or role not in ("training", "worker") else pid,
            name=name or _target(frames) or role,
            role=role,
            rank=self.rank,
            worker=worker,
        )

    def _role(self, pid: int, tid: int, frames: tuple[Frame, ...], worker: int | None) -> str:
        if (pid, tid) == self.training:
            return "training"
        places = {(f.function.rpartition(".")[2], f.file) for f in frames}
        if FEEDER in places:
            return "feeder"
        if PIN in places:
            return "pin"
        if worker is not None and not _target(frames):
            return "worker"
        return "thread"


def _target(frames: tuple[Frame, ...]) -> str:
    """Return the function that a thread was started for, from a stack; "" for a main thread."""
    if not frames or frames[0].file != "threading.py":
        return ""
    for frame in frames:
        if frame.function.rpartition(".")[2] not in RUNNERS:
            return frame.function
    return frames[-1].function
