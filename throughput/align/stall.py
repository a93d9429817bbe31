"""Read `stall.json`, and which waits for locks were still going on: what stood when nothing moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from throughput.align.events import Events, Kind
from throughput.align.frames import FrameReader
from throughput.align.notes import Int, Notes
from throughput.errors import DamagedFile
from throughput.model.stall import SeenThread, Snapshot
from throughput.model.timeline import KINDS, LOCK_FRAME, LockInfo, LongWait

LIMIT_BYTES = 50_000_000


class _Thread(msgspec.Struct):
    tid: Int
    native_id: Int = 0
    name: str = ""
    frames: list[tuple[str, str, Int]] = []


class _Task(msgspec.Struct):
    native_id: Int
    name: str = ""
    doing: str = ""


class _Process(msgspec.Struct):
    pid: Int
    refused: str | None = None
    threads: list[_Thread] = []
    tasks: list[_Task] = []


class _File(msgspec.Struct):
    pid: Int = 0
    step: Int | None = None
    processes: list[_Process] = []


def read_snapshot(data: bytes, reader: FrameReader) -> Snapshot:
    """Return the moment that a file holds.

    Raises:
        DamagedFile: it is no such file.
    """
    try:
        if len(data) > LIMIT_BYTES:
            raise msgspec.DecodeError("too large")
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFile(f"stall.json is damaged: {error}.", hint="Profile again.") from None
    return Snapshot(
        step=file.step,
        pid=file.pid,
        pids=tuple(process.pid for process in file.processes),
        threads=tuple(thread for process in file.processes for thread in _threads(process, reader)),
        refused={process.pid: process.refused for process in file.processes if process.refused},
    )


def _threads(process: _Process, reader: FrameReader) -> list[SeenThread]:
    """Return a process's threads with their stacks; without any, what the kernel said of its tasks."""
    doing = {task.native_id: task.doing if task.doing in KINDS else "" for task in process.tasks}
    if not process.threads:
        return [
            SeenThread(
                pid=process.pid, tid=0, native_id=task.native_id, name=task.name, doing=doing[task.native_id]
            )
            for task in process.tasks
        ]
    return [
        SeenThread(
            pid=process.pid,
            tid=thread.tid,
            native_id=thread.native_id,
            name=thread.name,
            frames=tuple(f for f in reader.stack(thread.frames) if f is not LOCK_FRAME),
            doing=doing.get(thread.native_id, ""),
        )
        for thread in process.threads
        if not _is_ours(thread)
    ]


def _is_ours(thread: _Thread) -> bool:
    return thread.name.startswith("throughput-")


def read_long_waits(pid: int, notes: Notes, infos: Mapping[int, LockInfo]) -> list[LongWait]:
    """Return the long waits of a process that had not ended when it was last heard of."""
    going: dict[tuple[int, int], LongWait] = {}
    for note in notes.rows:
        key = (int(note.get("thread") or 0), int(note.get("lock") or 0)) if _is_wait(note) else (0, 0)
        if note.get("kind") == "wait_over":
            going.pop(key, None)
        elif note.get("kind") == "long_wait":
            info = infos.get(key[1])
            going[key] = LongWait(
                pid=pid, tid=key[0], lock=info.name if info else "a lock", holder=int(note["holder"])
            )
    return list(going.values())


def _is_wait(note: Mapping[str, object]) -> bool:
    return note.get("kind") in ("long_wait", "wait_over")


def awaited_worker(events: Events) -> int | None:
    """Return the worker that owes the oldest batch of the loader that was asked last; None unknown."""
    asked = [(int(r[1]), 0, int(r[3]), int(r[4]), int(r[5])) for r in events.of(Kind.BATCH_ASKED)]
    arrived = [(int(r[1]), 1, int(r[3]), int(r[4]), -1) for r in events.of(Kind.BATCH_ARRIVED)]
    return _oldest(sorted(asked + arrived))


def _oldest(rows: Iterable[tuple[int, int, int, int, int]]) -> int | None:
    owed: dict[tuple[int, int], int] = {}
    last = None
    for _, has_come, loader, batch, worker in rows:
        if has_come:
            owed.pop((loader, batch), None)
        else:
            owed[loader, batch] = worker
            last = loader
    mine = [(batch, worker) for (loader, batch), worker in owed.items() if loader == last and worker >= 0]
    return min(mine)[1] if mine else None
