"""Who waits for whom when nothing moves: locks, workers, ranks, threads, and what can't be known."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.attribute.scenes import LOADER, QUEUE_GET, WORKER_LOOP, library, own
from tests.unit.attribute.test_any_timeline import FRAMES
from throughput.attribute.stalls import stall_of
from throughput.model.stall import SeenThread, Snapshot, Stall
from throughput.model.timeline import KINDS, Frame, LongWait, Timeline, Track

MAIN, WORKERS = 100, (201, 202, 203)
TRY_GET = library("_MultiProcessingDataLoaderIter._try_get_data", "torch/utils/data/dataloader.py")
FETCH = library("_MapDatasetFetcher.fetch", "torch/utils/data/_utils/fetch.py")
POLL = library("Connection._poll", "multiprocessing/connection.py")
WORKER_GET = library("Queue.get", "multiprocessing/queues.py")
ALL_REDUCE = library("all_reduce", "torch/distributed/distributed_c10d.py")
JOIN = library("Thread.join", "threading.py")
TRAIN = own("train", 12)
LOAD = own("Recordings.__getitem__", 40, "data.py")
SOURCES = {"data.py": {40: "        return zlib.decompress(blob)"}, "train.py": {12: "    time.sleep(300)"}}


def thread(
    pid: int, *frames: Frame, name: str = "MainThread", tid: int | None = None, doing: str = ""
) -> SeenThread:
    """Return a thread; without a number of its own it is the process's main thread."""
    number = pid if tid is None else tid
    return SeenThread(pid=pid, tid=number, native_id=number, name=name, frames=frames, doing=doing)


def timeline(rank: int = 0, pid: int = MAIN, **facts: Any) -> Timeline:
    """Return a rank's timeline with one thread."""
    track = Track(pid=pid, tid=pid, native_id=pid, name="MainThread", role="training", rank=rank)
    waits = facts.pop("waits", ())
    return Timeline(rank=rank, steps=(), tracks=(track,), facts={"pid": pid, **facts}, long_waits=waits)


def stall(
    *threads: SeenThread, ranks: tuple[Timeline, ...] = (), step: int | None = 313, **more: Any
) -> Stall:
    """Return why these threads don't move; step 313 is under way."""
    pids = more.pop("pids", tuple(dict.fromkeys(t.pid for t in threads)))
    snapshot = Snapshot(step=step, pid=MAIN, pids=pids, threads=threads, **more)
    return stall_of(snapshot, ranks or (timeline(),), SOURCES)


def test_a_worker_that_is_in_c_code() -> None:
    workers = {pid: number for number, pid in enumerate(WORKERS)}
    idle = (TRAIN, LOADER, WORKER_LOOP, WORKER_GET, POLL)
    found = stall(
        thread(MAIN, TRAIN, LOADER, TRY_GET, QUEUE_GET),
        thread(201, *idle),
        thread(202, *idle),
        thread(203, TRAIN, LOADER, WORKER_LOOP, FETCH, LOAD),
        ranks=(timeline(workers=workers, awaited=2),),
    )
    assert found.sentence == (
        "stalled at step 313: the main thread waits for worker 2, which is in zlib.decompress at data.py:40"
    )
    (row,) = found.waits_for
    assert (row.process, row.thread, row.file, row.line) == ("worker 2", "MainThread", "data.py", 40)
    assert (row.function, row.lock) == ("Recordings.__getitem__", None)
    assert found.step == 313


def test_the_worker_that_owes_the_batch_goes_before_others_that_work() -> None:
    busy = (WORKER_LOOP, FETCH, LOAD)
    both = (thread(201, *busy), thread(202, *busy, doing="sleep"))
    main = thread(MAIN, TRAIN, LOADER, TRY_GET)
    ranks = (timeline(workers={201: 0, 202: 1}, awaited=1),)
    assert "waits for worker 1, which sleeps" in stall(main, *both, ranks=ranks).sentence
    gone = stall(main, both[0], ranks=ranks)
    assert "worker 1, whose process has ended" in gone.sentence
    none = stall(main, ranks=(timeline(),))
    assert "waits for a batch, at train.py:12" in none.sentence


def test_workers_of_a_process_that_nobody_profiled_are_numbered_as_they_were_started() -> None:
    snapshot = Snapshot(
        pid=MAIN,
        pids=(MAIN, 201, 202),
        threads=(
            thread(MAIN, TRAIN, LOADER, TRY_GET),
            thread(201, WORKER_LOOP, WORKER_GET, POLL),
            thread(202, WORKER_LOOP, FETCH, LOAD),
        ),
    )
    found = stall_of(snapshot, (), SOURCES, is_run=False)
    assert found.sentence == "the main thread waits for worker 1, which is in zlib.decompress at data.py:40"


def held(lock: str, waiter: int, holder: int, pid: int = MAIN) -> LongWait:
    """Return a wait for a lock."""
    return LongWait(pid=pid, tid=waiter, lock=lock, holder=holder)


def test_a_lock_and_what_its_holder_is_in() -> None:
    found = stall(
        thread(MAIN, own("main", 3), TRAIN),
        thread(MAIN, LOAD, name="writer", tid=7),
        ranks=(timeline(waits=(held("cache", MAIN, 7),)),),
    )
    assert found.sentence == (
        "stalled at step 313: the main thread waits for `cache`, held by thread writer, "
        "which is in zlib.decompress at data.py:40 holding `cache`"
    )
    assert [(row.thread, row.lock) for row in found.waits_for] == [("writer", "cache")]


def test_a_cycle_of_locks_is_a_deadlock() -> None:
    waits = (held("cache", MAIN, 7), held("log", 7, MAIN))
    found = stall(
        thread(MAIN, TRAIN), thread(MAIN, LOAD, name="writer", tid=7), ranks=(timeline(waits=waits),)
    )
    assert found.sentence == (
        "stalled at step 313: deadlock: the main thread waits for `cache`, held by thread writer, "
        "which waits for `log`, held by the main thread"
    )
    assert [(row.thread, row.lock) for row in found.waits_for] == [("writer", "cache"), ("MainThread", "log")]


def test_a_lock_that_its_waiter_holds_itself() -> None:
    found = stall(thread(MAIN, TRAIN), ranks=(timeline(waits=(held("lock", MAIN, MAIN),)),))
    assert found.sentence.endswith(": the main thread waits for `lock`, held by the main thread itself")
    assert "deadlock" in found.sentence


def test_a_lock_that_nobody_is_known_to_hold() -> None:
    found = stall(thread(MAIN, TRAIN), ranks=(timeline(waits=(held("lock", MAIN, -1),)),))
    assert found.sentence.endswith("waits for `lock`, held by nobody that is known, at train.py:12")
    assert found.waits_for == ()


def test_a_lock_inside_a_worker() -> None:
    ranks = (timeline(workers={201: 0}, awaited=0, waits=(held("cache", 201, 9, pid=201),)),)
    found = stall(
        thread(MAIN, TRAIN, LOADER, TRY_GET),
        thread(201, WORKER_LOOP, FETCH, LOAD),
        thread(201, own("refresh", 9, "data.py"), name="refresher", tid=9, doing="sleep"),
        ranks=ranks,
    )
    assert "waits for worker 0, which waits for `cache`, held by thread refresher of" in found.sentence
    assert "which sleeps, in refresh at data.py:9 holding `cache`" in found.sentence


def test_a_rank_that_is_missing_from_a_collective() -> None:
    ranks = (timeline(), timeline(1, 300))
    waits = thread(MAIN, TRAIN, ALL_REDUCE)
    found = stall(waits, thread(300, own("validate", 8)), ranks=ranks)
    assert found.sentence == (
        "stalled at step 313: the main thread of rank 0 waits in all_reduce for the main thread of rank 1, "
        "which is in validate at train.py:8"
    )
    assert found.waits_for[0].process == "rank 1"
    assert "rank 1, whose process has ended" in stall(waits, ranks=ranks).sentence
    both = stall(waits, thread(300, ALL_REDUCE), ranks=ranks)
    assert "waits in all_reduce for other ranks" in both.sentence


def test_the_end_of_a_thread() -> None:
    other = thread(MAIN, LOAD, name="saver", tid=5)
    found = stall(thread(MAIN, TRAIN, JOIN), other)
    assert "waits for the end of thread saver, which is in zlib.decompress" in found.sentence
    assert "waits for the end of another thread" in stall(thread(MAIN, TRAIN, JOIN)).sentence


def test_what_a_thread_does_alone() -> None:
    assert stall(thread(MAIN, TRAIN)).sentence == (
        "stalled at step 313: the main thread is in time.sleep at train.py:12"
    )
    get = stall(thread(MAIN, own("take", 5), QUEUE_GET, library("Condition.wait", "threading.py")))
    assert "waits for a queue that nobody fills, in take at train.py:5" in get.sentence
    wait = stall(thread(MAIN, own("take", 5), library("Event.wait", "threading.py")))
    assert "waits for a signal that nobody gives" in wait.sentence
    child = stall(thread(MAIN, own("run", 6), doing="wait_child"), step=None)
    assert child.sentence == (
        "stalled before the first step: the main thread waits for a child process, in run at train.py:6"
    )
    inside = stall(thread(MAIN, own("read", 7), library("ZipFile.open", "zipfile/__init__.py")))
    assert "is in zipfile.__init__.open" not in inside.sentence


def test_without_stacks_it_says_why() -> None:
    bare = SeenThread(pid=MAIN, tid=0, native_id=MAIN, name="python", doing="futex")
    found = stall(bare, refused={MAIN: "ptrace is refused"})
    assert "its stacks could not be read (ptrace is refused)" in found.sentence
    assert "futex" in found.sentence
    assert found.waits_for == ()
    assert "no thread was seen" in stall().sentence


THREADS = st.lists(
    st.builds(
        SeenThread,
        pid=st.sampled_from((MAIN, 201, 300)),
        tid=st.integers(1, 4),
        native_id=st.sampled_from((1, 2, MAIN, 201)),
        name=st.text(max_size=5),
        frames=st.lists(st.sampled_from((*FRAMES, LOADER, TRY_GET, ALL_REDUCE, JOIN)), max_size=5).map(tuple),
        doing=st.sampled_from(("", *KINDS)),
    ),
    max_size=8,
)
WAITS = st.lists(
    st.builds(
        LongWait,
        pid=st.sampled_from((MAIN, 201)),
        tid=st.integers(1, 4),
        lock=st.text(max_size=5),
        holder=st.integers(-1, 4),
    ),
    max_size=6,
)


@given(THREADS, WAITS, st.integers(0, 2), st.none() | st.integers(0, 2))
def test_whatever_was_seen_there_is_a_sentence(
    threads: list[SeenThread], waits: list[LongWait], ranks: int, awaited: int | None
) -> None:
    made = tuple(
        timeline(rank, (MAIN, 300)[rank], waits=tuple(waits), awaited=awaited, workers={201: 0})
        for rank in range(ranks)
    )
    snapshot = Snapshot(step=1, pid=MAIN, pids=tuple({t.pid for t in threads}), threads=tuple(threads))
    found = stall_of(snapshot, made, SOURCES)
    assert found.sentence.startswith("stalled at step 1: ")
    assert len(found.waits_for) <= 16
