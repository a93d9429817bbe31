"""Replace waiting by what was waited for: the rows that show what the steps' time is owed to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from throughput.attribute.blame import Blamed
from throughput.attribute.classify import WAITING
from throughput.attribute.flame_paths import Path, Paths
from throughput.attribute.flame_rows import NUMBER, Columns, add_starved, step_of
from throughput.attribute.intervals import Floats
from throughput.attribute.locks import CostlyWait
from throughput.attribute.split import COLUMN, Split
from throughput.attribute.view import CleanView
from throughput.model.category import Category, Phase
from throughput.model.flame import FlameRows
from throughput.model.timeline import Ints

ENTRANCES = 3
"""Places that a kind of wait is entered from: beyond these few are rare, and each repeats what lies below."""
WORKERS = "waits for DataLoader workers, which did:"
THREADS = "waits for another thread, which did:"
DEVICE_WORDS = {
    Category.COMPUTE: "the GPU computes",
    Category.COMMUNICATION: "the GPU exchanges data with others",
    Category.HOST_TO_DEVICE: "data are copied to the GPU",
    Category.OTHER_MEMORY: "the GPU copies memory",
}

Entrances = tuple[tuple[Path, float], ...]
"""Where a wait was entered from: frames down to the last own one, the marker below; with its share."""


def blame_rows(
    view: CleanView, split: Split, blamed: Sequence[Blamed], costly: Sequence[CostlyWait], paths: Paths
) -> tuple[FlameRows, tuple[tuple[Path, Path], ...]]:
    """Return the rows, which sum to the steps' time, and where waiting leads (`Flames.waits`)."""
    columns = Columns(count=sum(row.count for row in blamed))
    waits: set[tuple[Path, Path]] = set()
    entrances = {
        phase: _entrances(view, paths, phase, marker, waits)
        for phase, marker in ((Phase.LOADER, WORKERS), (Phase.REST, THREADS))
    }
    _add(view, columns, _of_blame(blamed, entrances, paths), 1.0)
    lock_rows = _of_locks(view, costly, entrances, paths)
    known = sum(row[2] for row in lock_rows)
    columns.divide_compute(split)
    lost = float(split.parts[:, COLUMN[Category.LOCK_CONTENTION]].sum())
    if known:
        _add(view, columns, lock_rows, lost / known)
    else:
        word = paths.word("waits for a lock that was not seen")
        columns.add_lump(paths.stack((word,)), Category.LOCK_CONTENTION, lost)
    waits |= _lock_waits(costly, paths)
    starved = _lumps(view, split, columns, paths)
    return columns.rows("blame", len(view.steps), whole=view.durations - starved), tuple(sorted(waits))


Found = tuple[int, int, float, int]
"""Stack, number of the category, time, and an instant in the step."""


def _add(view: CleanView, columns: Columns, rows: Sequence[Found], scale: float) -> None:
    if rows:
        stack, category, ns, at = (np.array(column) for column in zip(*rows, strict=True))
        columns.add(stack, category, ns * scale, ns * scale, step_of(view, at))


def _entrances(
    view: CleanView, paths: Paths, phase: Phase, marker: str, waits: set[tuple[Path, Path]]
) -> Entrances:
    """Return from where the training thread began to wait in a phase, longest first; add where it leads."""
    samples = view.timeline.samples
    waiting = view.stretch[np.isin(view.doing, WAITING)]
    waiting = waiting[samples.phase[waiting] == int(phase)]
    if not len(waiting):
        return (((paths.word(marker),), 1.0),)
    time: dict[Path, float] = {}
    for stack, ns in _summed(samples.stack[waiting], samples.end_ns[waiting] - samples.start_ns[waiting]):
        path = (*paths.down_to_own(stack), paths.word(marker))
        time[path] = time.get(path, 0.0) + ns
        waits.add((paths.frames_of(stack)[: len(path)], path))
    chosen = sorted(time.items(), key=lambda item: -item[1])[:ENTRANCES]
    whole = sum(ns for _, ns in chosen) or 1.0
    return tuple((path, ns / whole) for path, ns in chosen if ns > 0) or ((chosen[0][0], 1.0),)


def _summed(stacks: Ints, ns: Ints) -> list[tuple[int, float]]:
    numbers, place = np.unique(stacks, return_inverse=True)
    sums = np.bincount(place, weights=np.maximum(ns, 0))
    return list(zip(numbers.tolist(), sums.tolist(), strict=True))


def _of_blame(blamed: Sequence[Blamed], entrances: dict[Phase, Entrances], paths: Paths) -> list[Found]:
    rows: list[Found] = []
    for row in blamed:
        category = NUMBER[row.category]
        if row.waited_in is None:
            rows.append((row.stack, category, row.ns, row.at_ns))
            continue
        below = paths.since_fork(row.stack)
        for path, share in entrances[row.waited_in]:
            rows.append((paths.stack((*path, *below)), category, row.ns * share, row.at_ns))
    return rows


def _lock_word(wait: CostlyWait, paths: Paths) -> int:
    held = "held by:" if wait.holder >= 0 else "its holder was not seen"
    return paths.word(f"waits for {wait.lock}, {held}")


def _of_locks(
    view: CleanView, costly: Sequence[CostlyWait], entrances: dict[Phase, Entrances], paths: Paths
) -> list[Found]:
    category = NUMBER[Category.LOCK_CONTENTION]
    rows: list[Found] = []
    has_workers = any(track.role == "worker" for track in view.timeline.tracks)
    for wait in costly:
        tail = (*paths.down_to_own(wait.waiter), _lock_word(wait, paths), *paths.since_fork(wait.holder))
        if wait.is_training:
            rows.append((paths.stack(tail), category, wait.ns, wait.at_ns))
            continue
        for path, share in entrances[Phase.LOADER if has_workers else Phase.REST]:
            rows.append((paths.stack((*path, *tail)), category, wait.ns * share, wait.at_ns))
    return rows


def _lock_waits(costly: Sequence[CostlyWait], paths: Paths) -> set[tuple[Path, Path]]:
    found = set()
    for wait in costly:
        if wait.is_training:
            path = (*paths.down_to_own(wait.waiter), _lock_word(wait, paths))
            found.add((paths.frames_of(wait.waiter)[: len(path)], path))
    return found


def _lumps(view: CleanView, split: Split, columns: Columns, paths: Paths) -> Floats:
    """Add what no stack explains: waiting for a CPU (returned by step), what the device did, the rest."""
    starved = add_starved(split, paths, columns)
    kinds, ns = np.concatenate(columns.category), np.concatenate(columns.ns)
    words = DEVICE_WORDS if split.device is not None else {Category.COMMUNICATION: "waits for other ranks"}
    for category, word in words.items():
        seen = float(ns[kinds == NUMBER[category]].sum())
        lost = float(split.parts[:, COLUMN[category]].sum()) - seen
        columns.add_lump(paths.stack((paths.word(word),)), category, lost)
    columns.fit(float(view.durations.sum()), paths.stack((paths.word("no stack explains this"),)))
    return starved
