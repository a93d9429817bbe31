"""Follow who waits for whom when nothing moves, from the training thread on, and say it in a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from throughput.model.stall import SeenThread, Snapshot, Stall, WaitedFor
from throughput.model.timeline import Frame, LongWait, Timeline

LINKS_MAX = 16
"""Of a chain; a longer one is a cycle that was missed."""
DATALOADER = "torch/utils/data/dataloader.py"
WORKER_LOOP = ("_worker_loop", "torch/utils/data/_utils/worker.py")
FETCH = "torch/utils/data/_utils/fetch.py"
COLLECTIVES = "torch/distributed/distributed_c10d.py"
BACKWARD = ("_engine_run_backward", "torch/autograd/graph.py")
JOINS = {("join", "threading.py"), ("_wait_for_tstate_lock", "threading.py")}
GETS = {("get", "queue.py"), ("get", "multiprocessing/queues.py")}
EVENTS = {("wait", "threading.py"), ("wait_for", "threading.py")}
PLUMBING = re.compile(
    r"^(threading|queue|functools|contextlib|runpy|selectors)\.py|^(multiprocessing|concurrent)/"
)
CALL = re.compile(r"([A-Za-z_]\w*(?:\.\w+)+)\s*\(")
"""A call of a module's function or a method, as a line of source writes it."""
INNERMOST = 6
"""So many frames may lie between a queue's or an event's waiting and the kernel."""
DOING = {
    "sleep": "sleeps",
    "io": "reads or writes a file",
    "poll": "waits for a pipe, a socket or another process",
    "wait_child": "waits for a child process",
    "file_lock": "waits for a lock on a file",
}
"""What the kernel says that is worth a word."""
Key = tuple[int, int]
Sources = Mapping[str, Mapping[int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a stall is told from."""

    snapshot: Snapshot
    waits: dict[Key, LongWait]
    ranks: dict[int, int]
    """Training process -> its rank."""
    workers: dict[int, int]
    """DataLoader worker's process -> its number."""
    awaited: int | None
    """The worker that owes the batch that the first rank waits for."""
    sources: Sources


@dataclass(slots=True)
class _Link:
    """A thread of the chain: how it waits for the next one, if it does."""

    thread: SeenThread
    how: str = ""
    """Words that lead to the next: "waits for", "waits for `cache`, held by"."""
    lock: str | None = None
    """That the next holds."""
    missing: str = ""
    """What stands for a next that isn't there."""


@dataclass(slots=True)
class _Chain:
    links: list[_Link] = field(default_factory=list)
    is_cycle: bool = False


def stall_of(
    snapshot: Snapshot, timelines: Sequence[Timeline], sources: Sources, *, is_run: bool = True
) -> Stall:
    """Return why nothing moves: the chain from the first rank's training thread on.

    Args:
        snapshot: the threads' stacks.
        timelines: of the ranks, where the processes were profiled: locks, workers, who owes which batch.
        sources: file -> line -> text.
        is_run: of a run that hung; False of any process, which may not have stalled at all.
    """
    scene = _scene(snapshot, timelines, sources)
    start = _start(scene, timelines)
    where = _where(snapshot.step) if is_run else ""
    if start is None or not start.frames:
        why = snapshot.refused.get(start.pid if start else snapshot.pid, "no thread was seen")
        doing = DOING.get(start.doing, start.doing) if start else ""
        shown = f"; the kernel says of its main thread: {doing}" if doing else ""
        return Stall(step=snapshot.step, sentence=f"{where}its stacks could not be read ({why}){shown}")
    chain = _follow(scene, start)
    return Stall(
        step=snapshot.step,
        sentence=where + _sentence(scene, chain),
        waits_for=tuple(_rows(scene, chain)),
    )


def _where(step: int | None) -> str:
    return "stalled before the first step: " if step is None else f"stalled at step {step}: "


def _scene(snapshot: Snapshot, timelines: Sequence[Timeline], sources: Sources) -> Scene:
    workers: dict[int, int] = {}
    ranks: dict[int, int] = {}
    waits: dict[Key, LongWait] = {}
    for timeline in timelines:
        workers |= {int(pid): int(number) for pid, number in (timeline.facts.get("workers") or {}).items()}
        if timeline.facts.get("pid") is not None:
            ranks[int(timeline.facts["pid"])] = timeline.rank
        waits |= {(wait.pid, wait.tid): wait for wait in timeline.long_waits}
    if not workers:  # of a process that we did not start: workers are started in the order of their numbers
        loops = sorted({t.pid for t in snapshot.threads if WORKER_LOOP in _places(t)})
        workers = {pid: number for number, pid in enumerate(loops)}
    first = timelines[0] if timelines else None
    awaited = first.facts.get("awaited") if first else None
    return Scene(
        snapshot=snapshot, waits=waits, ranks=ranks, workers=workers, awaited=awaited, sources=sources
    )


def _start(scene: Scene, timelines: Sequence[Timeline]) -> SeenThread | None:
    """Return the training thread, else the main thread of the process that was started."""
    if timelines and timelines[0].tracks:
        track = timelines[0].tracks[timelines[0].main_track]
        found = _thread(scene, (track.pid, track.tid))
        if found is not None:
            return found
    pids = [pid for pid, rank in scene.ranks.items() if rank == 0] or [scene.snapshot.pid]
    threads = scene.snapshot.threads
    mine = [t for t in threads if t.pid in pids]
    # Of a launcher that is no Python the one that it started.
    shown = [t for t in mine if t.frames] or [t for t in threads if t.frames] or mine
    return next((t for t in shown if t.native_id == t.pid), shown[0] if shown else None)


def _thread(scene: Scene, key: Key) -> SeenThread | None:
    return next((t for t in scene.snapshot.threads if (t.pid, t.tid) == key), None)


def _main_of(scene: Scene, pid: int) -> SeenThread | None:
    mine = [t for t in scene.snapshot.threads if t.pid == pid]
    return next((t for t in mine if t.native_id == pid), mine[0] if mine else None)


def _frames(thread: SeenThread) -> tuple[Frame, ...]:
    """Return a thread's frames; of a worker, without those of the process that forked it."""
    for number in range(len(thread.frames) - 1, -1, -1):
        if _place(thread.frames[number]) == WORKER_LOOP:
            return thread.frames[number:]
    return thread.frames


def _place(frame: Frame) -> tuple[str, str]:
    return frame.function.rpartition(".")[2], frame.file


def _places(thread: SeenThread) -> list[tuple[str, str]]:
    return [_place(frame) for frame in _frames(thread)]


def _follow(scene: Scene, start: SeenThread) -> _Chain:
    chain, seen = _Chain(), set()
    thread: SeenThread | None = start
    while thread is not None and len(chain.links) < LINKS_MAX:
        seen.add((thread.pid, thread.tid))
        link = _Link(thread)
        chain.links.append(link)
        thread = _next(scene, link)
        if thread is not None and (thread.pid, thread.tid) in seen:
            chain.is_cycle = True
            chain.links.append(_Link(thread))
            break
    return chain


def _next(scene: Scene, link: _Link) -> SeenThread | None:
    """Return whom a thread waits for, and note in the link how; None where it ends the chain."""
    thread = link.thread
    places = _places(thread)
    wait = scene.waits.get((thread.pid, thread.tid))
    if wait is not None:
        link.how, link.lock = f"waits for `{wait.lock}`, held by", wait.lock
        holder = _thread(scene, (thread.pid, wait.holder))
        link.missing = "" if holder else "nobody that is known"
        return holder
    if any(file == DATALOADER for _, file in places) and not any(file == FETCH for _, file in places):
        return _worker(scene, link)
    collective = [name for name, file in places if file == COLLECTIVES and name != "wrapper"]
    if collective or (BACKWARD in places and len(scene.ranks) > 1):
        return _straggler(scene, link, f"{collective[-1]}" if collective else "backward")
    if JOINS & set(places):
        return _joined(scene, link)
    return None


def _worker(scene: Scene, link: _Link) -> SeenThread | None:
    """Return the worker that owes the batch: the one that was asked for it, if it is at work at all."""
    link.how = "waits for"
    numbers = {number: pid for pid, number in scene.workers.items()}
    mains = {pid: main for pid in scene.workers if (main := _main_of(scene, pid)) is not None}
    owes = numbers.get(scene.awaited) if scene.awaited is not None else None
    if owes is not None and owes not in scene.snapshot.pids:
        link.missing = f"worker {scene.awaited}, whose process has ended"
        return None
    busy = [pid for pid, main in mains.items() if any(file == FETCH for _, file in _places(main))]
    is_it = owes in busy or (owes in mains and not busy)
    chosen = owes if is_it else next(iter([*busy, *mains]), None)
    if chosen is None:
        link.missing = "a DataLoader worker, of which none is there" if scene.workers else "a batch"
        return None
    return mains[chosen]


def _straggler(scene: Scene, link: _Link, call: str) -> SeenThread | None:
    """Return a rank that is in no collective while another one waits in it."""
    link.how = f"waits in {call} for"
    for pid in sorted(scene.ranks, key=lambda pid: scene.ranks[pid]):
        main = _main_of(scene, pid)
        if pid == link.thread.pid or main is None:
            continue
        if not any(file == COLLECTIVES for _, file in _places(main)):
            return main
    gone = [rank for pid, rank in scene.ranks.items() if pid not in scene.snapshot.pids]
    link.missing = f"rank {gone[0]}, whose process has ended" if gone else "other ranks"
    return None


def _joined(scene: Scene, link: _Link) -> SeenThread | None:
    """Return the thread that another one waits to end, where only one can be meant."""
    link.how = "waits for the end of"
    others = [t for t in scene.snapshot.threads if t.pid == link.thread.pid and t is not link.thread]
    own = [t for t in others if any(frame.own for frame in t.frames)]
    if len(own) == 1:
        return own[0]
    link.missing = "another thread"
    return None


def _who(scene: Scene, thread: SeenThread) -> str:
    """Return "the main thread", "worker 2", "thread writer", "rank 1" or "process 4711"."""
    is_main = thread.native_id == thread.pid or thread.name == "MainThread"
    name = f"thread {thread.name or thread.tid}"
    if thread.pid in scene.workers:
        worker = f"worker {scene.workers[thread.pid]}"
        return worker if is_main else f"{name} of {worker}"
    several = len(scene.ranks) > 1
    rank = scene.ranks.get(thread.pid)
    is_foreign = rank is None if scene.ranks else thread.pid != scene.snapshot.pid
    if is_main:
        if is_foreign:
            return f"process {thread.pid}"
        return f"the main thread of rank {rank}" if several else "the main thread"
    return f"{name} of rank {rank}" if several and rank is not None else name


def _belongs_to(scene: Scene, thread: SeenThread) -> str:
    if thread.pid in scene.workers:
        return f"worker {scene.workers[thread.pid]}"
    if thread.pid in scene.ranks:
        return "training process" if len(scene.ranks) == 1 else f"rank {scene.ranks[thread.pid]}"
    return f"process {thread.pid}"


def _spot(thread: SeenThread) -> Frame | None:
    """Return the innermost own line of a thread, else its innermost line."""
    frames = _frames(thread)
    return next((frame for frame in reversed(frames) if frame.own), frames[-1] if frames else None)


def _sentence(scene: Scene, chain: _Chain) -> str:
    words = "deadlock: " if chain.is_cycle else ""
    held: str | None = None
    links = chain.links
    for number, link in enumerate(links):
        words += _who(scene, link.thread)
        if chain.is_cycle and number == len(links) - 1:
            return words + (" itself" if len(links) == 2 else "")
        lead = " " if number == 0 else ", which "
        if link.how:
            words += f"{lead}{link.how} "
            if link.missing:
                return words + link.missing + _at(link.thread)
        else:
            words += lead + _doing(scene, link.thread)
            held = links[number - 1].lock if number else None
    return words + (f" holding `{held}`" if held else "")


def _at(thread: SeenThread) -> str:
    spot = _spot(thread)
    return f", at {spot.file}:{spot.line}" if spot else ""


def _doing(scene: Scene, thread: SeenThread) -> str:
    """Return "is in zlib.decompress at data.py:40", or what the kernel says that it does there."""
    spot = _spot(thread)
    if spot is None:
        return DOING.get(thread.doing, "could not be looked at")
    inside = _called(scene, thread, spot)
    at = f"{inside} at {spot.file}:{spot.line}"
    places = set(_places(thread)[-INNERMOST:])
    if places & GETS:
        return f"waits for a queue that nobody fills, in {at}"
    if places & EVENTS:
        return f"waits for a signal that nobody gives, in {at}"
    return f"{DOING[thread.doing]}, in {at}" if thread.doing in DOING else f"is in {at}"


def _called(scene: Scene, thread: SeenThread, spot: Frame) -> str:
    """Return what an own line has called: a library's function by its frame, C code by the line's text."""
    frames = _frames(thread)
    below = frames[len(frames) - frames[::-1].index(spot) :]
    library = next((frame for frame in below if frame.module and not PLUMBING.match(frame.file)), None)
    if library is not None:
        return f"{library.module.rpartition('.')[2]}.{library.function.rpartition('.')[2]}"
    found = CALL.search(scene.sources.get(spot.file, {}).get(spot.line, ""))
    return found[1] if found and not below else spot.function


def _rows(scene: Scene, chain: _Chain) -> list[WaitedFor]:
    rows = []
    for before, link in zip(chain.links, chain.links[1:], strict=False):
        spot = _spot(link.thread)
        rows.append(
            WaitedFor(
                process=_belongs_to(scene, link.thread),
                thread=link.thread.name or str(link.thread.tid),
                file=spot.file if spot else "",
                line=spot.line if spot else 0,
                function=spot.function if spot else "",
                lock=before.lock,
            )
        )
    return rows
