"""Turn samples and blame into flame graphs: the training thread, blame, DataLoader workers, all threads."""

from __future__ import annotations

import numpy as np

from throughput.attribute.blame import Blamed, category_of
from throughput.attribute.classify import WAITING, Doing
from throughput.attribute.flame_blame import blame_rows
from throughput.attribute.flame_paths import Paths
from throughput.attribute.flame_rows import NUMBER, Columns, add_starved, step_of
from throughput.attribute.intervals import Floats, span_of
from throughput.attribute.locks import CostlyWait
from throughput.attribute.split import DOING_CATEGORY, Split, collective_waits
from throughput.attribute.view import PHASES, CleanView
from throughput.model.category import Category, Phase
from throughput.model.flame import FlameRows, Flames
from throughput.model.timeline import Ints, Track

PHASE_WORDS = {
    Phase.REST: "forward and other code",
    Phase.LOADER: "the loader",
    Phase.BACKWARD: "backward",
    Phase.OPTIMIZER: "the optimizer",
    Phase.COPY: "copies to the device",
    Phase.PIN: "pinning memory",
    Phase.SYNC: "synchronizing",
    Phase.COLLECTIVE: "collectives",
    Phase.SAVE: "saving",
    Phase.PRINT: "printing",
}


def flames(view: CleanView, split: Split, blamed: list[Blamed], costly: list[CostlyWait]) -> Flames:
    """Return the flame graphs of one rank; without stacks there are none."""
    if not len(view.stretch):
        return Flames()
    paths = Paths.of(view.timeline.stacks)
    training = _training(view, split, paths)
    blame, waits = blame_rows(view, split, blamed, costly, paths)
    numbers = range(len(view.timeline.tracks))
    workers = [number for number in numbers if view.timeline.tracks[number].role == "worker"]
    others = (_of_tracks(view, paths, workers, "workers"), _of_tracks(view, paths, list(numbers), "threads"))
    tabs = tuple(tab for tab in (training, blame, *others) if len(tab.stack))
    return Flames(stacks=paths.table(), tabs=tabs, waits=waits)


def _training(view: CleanView, split: Split, paths: Paths) -> FlameRows:
    """Return where the training thread was: every phase's stretches stand for that phase's whole time."""
    samples = view.timeline.samples
    columns = Columns(count=int(samples.count[view.stretch].sum()))
    phase = np.clip(samples.phase[view.stretch], 0, PHASES - 1)
    raw = view.stretch_ns.astype(np.float64)
    # The wait for a CPU is read a moment after the clock: it can be longer than what it lies in.
    held = np.maximum(view.seg_end - view.seg_start - np.maximum(view.seg_runq, 0), 0)
    wall = view.of_segments(held).sum(axis=0)
    seen = np.bincount(phase, weights=raw, minlength=PHASES)
    scale = np.divide(wall, seen, out=np.zeros(PHASES), where=seen > 0)
    middle = (samples.start_ns[view.stretch] + samples.end_ns[view.stretch]) // 2
    step = step_of(view, middle)
    locked = _lock_shares(view, split, phase, wall)
    category = _categories(split)[phase, view.doing]
    exchanged = collective_waits(view).sum(axis=0) / np.maximum(wall, 1)
    joined = np.where(view.doing == Doing.LOCK, 0.0, np.minimum(exchanged[phase], 1.0 - locked))
    same = np.ones(len(phase), dtype=np.int64)
    for part, kind in (
        (1.0 - locked - joined, category),
        (locked, same * NUMBER[Category.LOCK_CONTENTION]),
        (joined, same * NUMBER[Category.COMMUNICATION]),
    ):
        some = part > 0
        columns.add(
            samples.stack[view.stretch][some],
            kind[some],
            (raw * scale[phase] * part)[some],
            (raw * part)[some],
            step[some],
        )
    for number in np.flatnonzero((seen == 0) & (wall > 0)).tolist():
        word = paths.word(f"no stack was seen in {PHASE_WORDS[Phase(number)]}")
        columns.add_lump(paths.stack((word,)), Category.UNATTRIBUTED, float(wall[number]))
    columns.divide_compute(split)
    starved = add_starved(split, paths, columns)
    columns.fit(float(view.durations.sum()), paths.stack((paths.word("no timer saw this"),)))
    return columns.rows("training", len(view.steps), whole=view.durations - starved)


def _categories(split: Split) -> Ints:
    """Return the category of each phase and doing, shape (phases, doings)."""
    table = np.full((PHASES, len(Doing)), NUMBER[Category.LOCK_CONTENTION], dtype=np.int64)
    for phase in Phase:
        for doing in Doing:
            if doing is not Doing.LOCK:
                table[phase, doing] = NUMBER[category_of(phase, doing, split)]
    return table


def _lock_shares(view: CleanView, split: Split, phase: Ints, wall: Ints) -> Floats:
    """Return which part of each stretch was waiting for a lock: one that others held up, or the GIL."""
    locks = split.locks
    weights = np.zeros((PHASES, 2))
    waits = np.isin(view.doing, WAITING)
    is_lock = view.doing == Doing.LOCK
    np.add.at(weights, (phase, waits.astype(np.int64)), np.where(is_lock, 0, view.stretch_ns))
    whole = np.maximum(weights.sum(axis=1), 1.0)
    time = weights / whole[:, None] * np.maximum(wall, 1)[:, None]
    lost = np.stack([locks.gil.sum(axis=0), locks.through.sum(axis=0)], axis=1)
    share = np.minimum(np.divide(lost, time, out=np.zeros_like(time), where=time > 0), 1.0)
    return np.where(is_lock, 0.0, share[phase, waits.astype(np.int64)])


def _of_tracks(view: CleanView, paths: Paths, chosen: list[int], tab: str) -> FlameRows:
    """Return the threads' stretches, each below its thread's name."""
    samples, tracks = view.timeline.samples, view.timeline.tracks
    columns = Columns()
    for number in chosen:
        mine = np.flatnonzero(samples.track == number)
        middle = (samples.start_ns[mine] + samples.end_ns[mine]) // 2
        inside = span_of(middle, *view.light) >= 0
        mine, middle = mine[inside], middle[inside]
        if not len(mine):
            continue
        above = paths.word(thread_name(tracks[number]))
        numbers, place = np.unique(samples.stack[mine], return_inverse=True)
        stacks = np.array([paths.stack((above, *paths.since_fork(n))) for n in numbers.tolist()])
        is_worker = tracks[number].role in ("worker", "feeder")
        kinds = np.array([_category(view.classifier.doing(n), is_worker=is_worker) for n in numbers.tolist()])
        length = np.maximum(samples.end_ns[mine] - samples.start_ns[mine], 0).astype(np.float64)
        columns.add(stacks[place], kinds[place], length, length, step_of(view, middle))
        columns.count += int(samples.count[mine].sum())
    return columns.rows(tab, len(view.light[0]))


def _category(doing: Doing, *, is_worker: bool) -> int:
    """Return the number of the category of what any thread was doing; waiting is idle here."""
    if doing is Doing.LOCK:
        return NUMBER[Category.LOCK_CONTENTION]
    if doing in WAITING:
        return NUMBER[Category.IDLE]
    if is_worker:
        return NUMBER[Category.DATA_LOADING]
    if doing is Doing.TORCH:
        return NUMBER[Category.COMPUTE]
    return NUMBER[DOING_CATEGORY.get(doing, Category.HOST_WORK)]


def thread_name(track: Track) -> str:
    """Return how the graph calls a thread: "DataLoader worker 1", "thread: prefetch"."""
    if track.role == "training":
        return "training thread"
    if track.role == "worker":
        return f"DataLoader worker {track.worker}" if track.worker is not None else "DataLoader worker"
    if track.role == "feeder" and track.worker is not None:
        return f"DataLoader worker {track.worker}: {track.name}"
    return f"{track.role}: {track.name}"
