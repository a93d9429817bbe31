"""Turn LOCK_WAIT rows and lock notes into waits with named locks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from throughput.align.events import Events, Kind
from throughput.align.frames import FrameReader
from throughput.align.lock_names import lock_name
from throughput.align.notes import Notes
from throughput.align.threads import Tracks
from throughput.model.place import place_of
from throughput.model.timeline import LockInfo, LockWaits

Sources = dict[str, dict[int, str]]


def read_lock_waits(
    processes: Iterable[tuple[int, Events, Notes, dict[int, int]]],
    tracks: Tracks,
    reader: FrameReader,
    sources: Sources,
) -> LockWaits:
    """Return the waits of all processes, in time order.

    Args:
        processes: (pid, events, notes, numbers of its stacks -> numbers in our table).
        tracks: the threads, added to where a waiter or holder is new.
        reader: shortens the files of the places where locks were made.
        sources: file -> line -> text, for the locks' names.
    """
    processes = tuple(processes)
    shared = _shared_infos(processes, reader, sources)
    infos: dict[LockInfo, int] = {}
    rows: list[tuple[int, ...]] = []
    for pid, events, notes, stacks in processes:
        own = _infos(notes, shared, reader, sources)
        numbers = {number: infos.setdefault(info, len(infos)) for number, info in own.items()}
        for thread, start, end, lock, holder, held, waited in events.of(Kind.LOCK_WAIT).tolist():
            rows.append(
                (
                    start,
                    end,
                    tracks.number(pid, thread),
                    tracks.number(pid, holder) if holder > 0 else -1,
                    numbers.get(lock, -1),
                    stacks.get(waited, -1),
                    stacks.get(held, -1),
                )
            )
    rows = sorted(row for row in rows if row[4] >= 0)
    columns = np.array(rows, dtype=np.int64).reshape(-1, 7).T
    return LockWaits(
        start_ns=columns[0],
        end_ns=columns[1],
        track=columns[2],
        holder=columns[3],
        lock=columns[4],
        waiter_stack=columns[5],
        holder_stack=columns[6],
        locks=tuple(infos),
    )


def read_locks(
    processes: Iterable[tuple[int, Events, Notes, dict[int, int]]], reader: FrameReader, sources: Sources
) -> dict[int, dict[int, LockInfo]]:
    """Return the locks that each process noted: pid -> its number of a lock -> the lock."""
    processes = tuple(processes)
    shared = _shared_infos(processes, reader, sources)
    return {pid: _infos(notes, shared, reader, sources) for pid, _, notes, _ in processes}


def _infos(
    notes: Notes, shared: dict[str, LockInfo], reader: FrameReader, sources: Sources
) -> dict[int, LockInfo]:
    return {
        int(note["id"]): shared.get(str(note.get("shared"))) or _info(note, reader, sources)
        for note in notes.of("lock")
    }


def _shared_infos(
    processes: Iterable[tuple[int, Events, Notes, dict[int, int]]], reader: FrameReader, sources: Sources
) -> dict[str, LockInfo]:
    """Return the locks that several processes share, each as the process describes it that knows most."""
    found: dict[str, LockInfo] = {}
    for _, _, notes, _ in processes:
        for note in notes.of("lock"):
            if note.get("shared"):
                info = _info(note, reader, sources)
                known = found.setdefault(str(note["shared"]), info)
                if known.made_at is None:
                    found[str(note["shared"])] = info
    return found


def _info(note: dict[str, object], reader: FrameReader, sources: Sources) -> LockInfo:
    file, line = str(note.get("made_file") or ""), int(str(note.get("made_line") or 0))
    kind, function = str(note.get("lock_kind", "Lock")), str(note.get("made_function") or "")
    shown = place_of(file, reader.script_dir)[0] if file else ""
    text = sources.get(shown, {})
    name = str(note.get("name") or "") or (lock_name(text, line, function) if shown and line else None)
    return LockInfo(name=name or kind, kind=kind, made_at=f"{shown}:{line}" if shown else None)
