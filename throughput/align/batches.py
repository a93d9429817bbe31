"""Join what the training process and the workers noted of each batch: asked, made, arrived, taken.

Also their slowest samples.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable

import numpy as np

from throughput.align.events import Events, Kind
from throughput.align.notes import Notes
from throughput.model.timeline import Batches, Loader, SlowSamples
from throughput.model.work import Padding

Column = dict[str, int]
UNSEEN = -1


def read_batches(main: Events, workers: Iterable[tuple[int, int, Events]]) -> Batches:
    """Return every batch that was taken or made.

    Args:
        main: the training process's events.
        workers: (worker number, loader number, events) of each worker process.
    """
    taken = _taken(main)
    asked = _by_batch(main.of(Kind.BATCH_ASKED))
    arrived = _by_batch(main.of(Kind.BATCH_ARRIVED))
    made = _made(main, workers)
    rows = [_join(row, asked, arrived, made) for row in taken]
    columns = {name: np.array([row[name] for row in rows], dtype=np.int64) for name in _NAMES}
    return Batches(**columns)


_NAMES = (
    "loader", "index", "worker", "asked_ns", "begun_ns", "fetched_ns", "made_ns", "arrived_ns", "consumed_ns",
    "cpu_ns", "runq_ns", "wanted_ns",
)  # fmt: skip


def _taken(main: Events) -> list[Column]:
    rows = main.of(Kind.BATCH_TAKEN)
    return [
        {"wanted_ns": int(r[1]), "consumed_ns": int(r[2]), "loader": int(r[3]), "index": int(r[4])}
        for r in rows
    ]


def _by_batch(
    rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return (loader, batch) -> [(time, worker)], in time order; a number returns with each epoch."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row in rows:
        found.setdefault((int(row[3]), int(row[4])), []).append((int(row[1]), int(row[5])))
    return found


def _made(main: Events, workers: Iterable[tuple[int, int, Events]]) -> dict[tuple[int, int], list[Column]]:
    """Return (loader, batch) -> makings; those of the main process under loader -1, by time alone."""
    found: dict[tuple[int, int], list[Column]] = {}
    for worker, loader, events in workers:
        for row in events.of(Kind.BATCH_MADE):
            found.setdefault((loader, int(row[3])), []).append(_making(row, worker))
    for row in main.of(Kind.BATCH_MADE):
        found.setdefault((UNSEEN, UNSEEN), []).append(_making(row, UNSEEN))
    return found


def _making(row: np.ndarray[tuple[int, ...], np.dtype[np.int64]], worker: int) -> Column:
    return {
        "begun_ns": int(row[1]),
        "made_ns": int(row[2]),
        "fetched_ns": int(row[4]),
        "cpu_ns": int(row[5]),
        "runq_ns": int(row[6]),
        "worker": worker,
    }


def _join(
    row: Column,
    asked: dict[tuple[int, int], list[tuple[int, int]]],
    arrived: dict[tuple[int, int], list[tuple[int, int]]],
    made: dict[tuple[int, int], list[Column]],
) -> Column:
    key, until = (row["loader"], row["index"]), row["consumed_ns"]
    whole = dict.fromkeys(_NAMES, UNSEEN) | row
    for name, times in (("asked_ns", asked.get(key, ())), ("arrived_ns", arrived.get(key, ()))):
        before = [pair for pair in times if pair[0] <= until]
        if before:
            whole[name] = before[-1][0]
            if name == "asked_ns":
                whole["worker"] = before[-1][1]
    makings = [m for m in made.get(key, ()) if m["made_ns"] <= until and m["begun_ns"] >= whole["asked_ns"]]
    if not makings and whole["worker"] == UNSEEN:
        makings = _inside(made.get((UNSEEN, UNSEEN), []), row["wanted_ns"], until)
    return whole | makings[-1] if makings else whole


def _inside(makings: list[Column], start: int, end: int) -> list[Column]:
    """Return the makings within a time span, from a list sorted by time."""
    first = bisect.bisect_left(makings, start, key=lambda m: m["begun_ns"])
    return [m for m in makings[first : first + 4] if m["made_ns"] <= end]


def read_loaders(main: Events, notes: Notes) -> tuple[Loader, ...]:
    """Return the DataLoaders that were iterated, with the times at which their iterators were made."""
    iterators = main.of(Kind.ITERATOR)
    found: dict[int, Loader] = {}
    times: dict[int, list[tuple[int, int]]] = {}
    numbers: dict[int, list[int]] = {}
    for note in notes.of("loader"):
        identity, number = int(note.get("identity", 0)), int(note["loader"])
        rows = iterators[iterators[:, 3] == number]
        times.setdefault(identity, []).extend((int(r[1]), int(r[2])) for r in rows)
        numbers.setdefault(identity, []).append(number)
        found[identity] = Loader(
            number=number,
            num_workers=int(note.get("num_workers") or 0),
            prefetch_factor=note.get("prefetch_factor"),
            batch_size=note.get("batch_size"),
            pin_memory=note.get("pin_memory"),
            persistent_workers=note.get("persistent_workers"),
            in_order=note.get("in_order"),
            start_method=note.get("start_method"),
            iterable=bool(note.get("iterable")),
            dataset=str(note.get("dataset", "")),
            iterators_started=len(times[identity]),
            start_ns=tuple(a for a, _ in times[identity]),
            ready_ns=tuple(b for _, b in times[identity]),
            one_by_one=note.get("one_by_one"),
            numbers=tuple(numbers[identity]),
        )
    return tuple(found.values())


def read_slow_samples(main: Events, workers: Iterable[tuple[int, int, Events]]) -> SlowSamples:
    """Return the samples that were noted as slow, of the training process and of its workers."""
    parts = [(UNSEEN, main), *((worker, events) for worker, _, events in workers)]
    rows = [(worker, events.of(Kind.SLOW_SAMPLE)) for worker, events in parts]
    table = np.concatenate([found for _, found in rows])
    return SlowSamples(
        loader=table[:, 4],
        worker=np.repeat([worker for worker, _ in rows], [len(found) for _, found in rows]).astype(np.int64),
        index=table[:, 3],
        begun_ns=table[:, 1],
        fetched_ns=table[:, 2],
    )


def read_padding(processes: Iterable[Events]) -> Padding | None:
    """Return what the batches whose tokens were looked at held; None where none was."""
    rows = np.concatenate([np.zeros((0, 7), dtype=np.int64), *(p.of(Kind.BATCH_TOKENS) for p in processes)])
    rows = rows[(rows[:, 3] > 0) & (rows[:, 4] >= 0) & (rows[:, 4] <= rows[:, 3])]
    if not len(rows):
        return None
    by_mask = rows[rows[:, 5] == 0]
    chosen = by_mask if len(by_mask) else rows  # a mask says what is padding, a label only what has no loss
    tokens, useful = (sum(column.tolist()) for column in (chosen[:, 3], chosen[:, 4]))
    return Padding(
        batches=len(chosen),
        tokens=tokens,
        useful=useful,
        source="attention_mask" if len(by_mask) else "labels",
    )
