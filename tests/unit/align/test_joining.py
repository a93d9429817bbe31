"""Steps, batches, frames and threads, joined from what the processes wrote."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from throughput.align.batches import read_batches, read_loaders, read_slow_samples
from throughput.align.events import Events, Kind
from throughput.align.frames import FrameReader
from throughput.align.notes import Notes
from throughput.align.phases import phase_of
from throughput.align.steps import read_segments, read_steps, training_thread
from throughput.align.threads import Tracks
from throughput.model.category import Block, Phase
from throughput.model.place import place_of
from throughput.model.timeline import Frame

WARMUP, DROPPED, LIGHT, STACKS, TORCH, CPROFILE, DONE = range(7)


def events(*rows: tuple[int, ...]) -> Events:
    """Return rows of kind, thread, t0, t1, a, b, c, d; what is left out is 0."""
    padded = [[*row, *[0] * (8 - len(row))] for row in rows]
    return Events(np.array(padded, dtype=np.int64).reshape(-1, 8))


def step(end: int, number: int, block: int = LIGHT, samples: int = 8) -> tuple[int, ...]:
    return (Kind.STEP, 7, end, 0, number, block, samples)


def test_steps_reach_from_end_to_end() -> None:
    found, remarks = read_steps(
        events(step(100, 1, WARMUP), step(200, 2, WARMUP), step(330, 3), step(400, 4, STACKS, 0)), Notes([])
    )
    assert [(s.index, s.start_ns, s.end_ns, s.block, s.samples) for s in found] == [
        (2, 100, 200, Block.WARMUP, 8),
        (3, 200, 330, Block.LIGHT, 8),
        (4, 330, 400, Block.STACKS, None),
    ]
    assert remarks == ()


def test_a_pause_of_ours_belongs_to_no_step() -> None:
    rows = events(step(100, 1), (Kind.RESUME, 7, 160), step(200, 2), step(300, 3))
    assert [(s.start_ns, s.end_ns) for s in read_steps(rows, Notes([]))[0]] == [(160, 200), (200, 300)]


@pytest.mark.parametrize(
    ("number", "block"),
    [
        (DROPPED, Block.DROPPED),
        (TORCH, Block.TORCH),
        (CPROFILE, Block.CPROFILE),
        (DONE, Block.DROPPED),
        (77, Block.DROPPED),
        (-1, Block.DROPPED),
    ],
)
def test_blocks(number: int, block: Block) -> None:
    found, _ = read_steps(events(step(100, 1), step(200, 2), step(300, 3, number)), Notes([]))
    assert [s.block for s in found] == [Block.LIGHT, block]


def test_what_preceded_a_restart_is_warm_up() -> None:
    rows = events(*(step(100 * n, n) for n in range(1, 7)))
    notes = Notes([{"kind": "window", "t": 100}, {"kind": "window", "t": 350, "restart": True}])
    assert [s.block for s in read_steps(rows, notes)[0]] == [Block.WARMUP] * 2 + [Block.LIGHT] * 3


def test_a_run_that_ended_in_its_warm_up_is_used_and_says_so() -> None:
    found, remarks = read_steps(events(*(step(100 * n, n, WARMUP) for n in range(1, 7))), Notes([]))
    assert [s.block for s in found] == [Block.WARMUP] * 2 + [Block.LIGHT] * 3
    assert len(remarks) == 1


def test_too_few_steps_are_no_measurement() -> None:
    found, remarks = read_steps(events(*(step(100 * n, n, WARMUP) for n in range(1, 4))), Notes([]))
    assert {s.block for s in found} == {Block.WARMUP}
    assert remarks == ()
    assert read_steps(events(), Notes([])) == ((), ())


def test_the_training_thread() -> None:
    assert training_thread(events(step(1, 1)), Notes([{"kind": "window", "t": 0, "thread": 9}])) == 9
    assert training_thread(events(step(1, 1)), Notes([{"kind": "window", "t": 0, "thread": None}])) == 7
    assert training_thread(events(), Notes([])) == 0


def test_segments_of_one_thread_in_time_order() -> None:
    rows = events(
        (Kind.SEGMENT, 7, 50, 90, Phase.REST, 30, 5),
        (Kind.SEGMENT, 8, 0, 99, Phase.REST, 1, 1),
        (Kind.SEGMENT, 7, 10, 50, Phase.LOADER, 2, -1),
        (Kind.SEGMENT, 7, 90, 95, 10, 2, -1),  # no such phase
    )
    found = read_segments(rows, 7)
    assert found.start_ns.tolist() == [10, 50]
    assert found.phase.tolist() == [Phase.LOADER, Phase.REST]
    assert (found.cpu_ns.tolist(), found.runq_ns.tolist()) == ([2, 30], [-1, 5])


def test_a_batchs_life_across_processes() -> None:
    main = events(
        (Kind.BATCH_ASKED, 0, 10, 0, 1, 0, 3),
        (Kind.BATCH_ARRIVED, 0, 60, 0, 1, 0),
        (Kind.BATCH_TAKEN, 7, 40, 65, 1, 0, 8),
    )
    worker = events((Kind.BATCH_MADE, 0, 20, 55, 0, 45, 30, 2))
    found = read_batches(main, [(3, 1, worker)])
    row: Any = {name: int(getattr(found, name)[0]) for name in found.__slots__}
    assert row == {
        "loader": 1, "index": 0, "worker": 3, "asked_ns": 10, "begun_ns": 20, "fetched_ns": 45, "made_ns": 55,
        "arrived_ns": 60, "consumed_ns": 65, "cpu_ns": 30, "runq_ns": 2, "wanted_ns": 40,
    }  # fmt: skip


def test_numbers_return_with_each_epoch_of_persistent_workers() -> None:
    main = events(
        (Kind.BATCH_ASKED, 0, 10, 0, 1, 0, 0),
        (Kind.BATCH_TAKEN, 7, 15, 40, 1, 0, 8),
        (Kind.BATCH_ASKED, 0, 110, 0, 1, 0, 1),
        (Kind.BATCH_TAKEN, 7, 115, 140, 1, 0, 8),
    )
    workers = [
        (0, 1, events((Kind.BATCH_MADE, 0, 20, 35, 0, 30, 5, 0))),
        (1, 1, events((Kind.BATCH_MADE, 0, 120, 135, 0, 130, 5, 0))),
    ]
    found = read_batches(main, workers)
    assert found.begun_ns.tolist() == [20, 120]
    assert found.worker.tolist() == [0, 1]


def test_a_batch_made_in_the_training_process() -> None:
    main = events(
        (Kind.BATCH_MADE, 0, 20, 35, -1, 30, 5, 0),
        (Kind.BATCH_TAKEN, 7, 15, 40, 1, 0, 8),
        (Kind.BATCH_MADE, 0, 120, 135, -1, 130, 5, 0),
        (Kind.BATCH_TAKEN, 7, 115, 140, 1, 1, 8),
    )
    found = read_batches(main, [])
    assert found.begun_ns.tolist() == [20, 120]
    assert found.worker.tolist() == [-1, -1]


def test_a_batch_of_an_unknown_maker() -> None:
    found = read_batches(events((Kind.BATCH_TAKEN, 7, 15, 40, 1, 0, 8)), [])
    assert (found.consumed_ns.tolist(), found.begun_ns.tolist(), found.made_ns.tolist()) == ([40], [-1], [-1])


def test_a_loader_keeps_its_iterators() -> None:
    main = events((Kind.ITERATOR, 7, 10, 15, 1), (Kind.ITERATOR, 7, 50, 58, 2), (Kind.ITERATOR, 7, 70, 71, 3))
    rows = [
        {"kind": "loader", "loader": 1, "identity": 5, "num_workers": 2, "dataset": "Train"},
        {"kind": "loader", "loader": 2, "identity": 6, "num_workers": 0, "dataset": "Test"},
        {"kind": "loader", "loader": 3, "identity": 5, "num_workers": 2, "dataset": "Train"},
    ]
    train, test = read_loaders(main, Notes(rows))
    assert (train.dataset, train.number, train.iterators_started) == ("Train", 3, 2)
    assert (train.start_ns, train.ready_ns) == ((10, 70), (15, 71))
    assert (test.dataset, test.num_workers, test.start_ns) == ("Test", 0, (50,))


SITE = "/venv/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("file", "script_dir", "place"),
    [
        ("/project/train.py", "/project", ("train.py", "", True)),
        ("/project/data/clean.py", "/project/", ("data/clean.py", "", True)),
        ("/projects/other.py", "/project", ("/projects/other.py", "", True)),
        ("/elsewhere/editable.py", "/project", ("/elsewhere/editable.py", "", True)),
        (f"{SITE}/numpy/_core/x.py", "/project", ("numpy/_core/x.py", "numpy._core.x", False)),
        (f"{SITE}/torch/__init__.py", "/project", ("torch/__init__.py", "torch", False)),
        ("/usr/lib/python3.11/json/decoder.py", "/project", ("json/decoder.py", "json.decoder", False)),
        ("/usr/lib/python3/dist-packages/yaml/x.py", "/project", ("yaml/x.py", "yaml.x", False)),
        ("/project/.venv/lib/python3.11/site-packages/tqdm/a.py", "/project", ("tqdm/a.py", "tqdm.a", False)),
        (f"{SITE}/trainer/main.py", f"{SITE}/trainer", ("main.py", "", True)),
        (f"{SITE}/torch/nn/x.py", f"{SITE}/trainer", ("torch/nn/x.py", "torch.nn.x", False)),
        ("<frozen runpy>", "/project", ("<frozen runpy>", "runpy", False)),
        ("<string>", "/project", ("<string>", "string", False)),
        ("", "/project", ("<unknown>", "", False)),
        ("/project/train.py", "", ("/project/train.py", "", True)),
    ],
)  # fmt: skip
def test_where_a_file_belongs(file: str, script_dir: str, place: tuple[str, str, bool]) -> None:
    assert place_of(file, script_dir) == place


def test_frames_are_shortened_and_qualified() -> None:
    known = {("/project/data.py", 12): ("Recordings.__getitem__", 9), ("/project/data.py", 30): ("other", 25)}
    reader = FrameReader("/project", known)
    found = reader.read("__getitem__", "/project/data.py", 12)
    assert found == Frame(function="Recordings.__getitem__", file="data.py", line=12, own=True, first_line=9)
    assert reader.read("__getitem__", "/project/data.py", 12) is found
    comprehension = reader.read("<listcomp>", "/project/data.py", 30)
    assert comprehension is not None
    assert comprehension.function == "<listcomp>"
    assert reader.read("timed", "/x/throughput_inprocess/patches.py", 5) is None


@pytest.mark.parametrize(
    ("function", "file", "phase"),
    [
        ("_BaseDataLoaderIter.__next__", "torch/utils/data/dataloader.py", Phase.LOADER),
        ("__next__", "torch/utils/data/dataloader.py", Phase.LOADER),
        ("_engine_run_backward", "torch/autograd/graph.py", Phase.BACKWARD),
        ("Optimizer.profile_hook_step.<locals>.wrapper", "torch/optim/optimizer.py", Phase.OPTIMIZER),
        ("save", "torch/serialization.py", Phase.SAVE),
        ("__next__", "my/dataloader.py", Phase.REST),
    ],
)
def test_the_phase_that_a_stack_shows(function: str, file: str, phase: Phase) -> None:
    main = Frame(function="<module>", file="train.py", line=1, own=True)
    mark = Frame(function=function, file=file, line=5, own=False)
    assert phase_of((main, mark, main)) is phase
    assert phase_of(()) is Phase.REST


def thread(function: str, file: str) -> tuple[Frame, ...]:
    root = Frame(function="Thread._bootstrap", file="threading.py", line=1, own=False)
    run = Frame(function="Thread.run", file="threading.py", line=2, own=False)
    return (root, run, Frame(function=function, file=file, line=3, own=False))


def test_threads_have_roles() -> None:
    tracks = Tracks(0, (100, 7), {200: 3}, {(100, 8): ("prefetch", 4711)})
    main = Frame(function="<module>", file="train.py", line=1, own=True)
    numbers = [
        tracks.number(100, 7, (main,)),
        tracks.number(100, 8, thread("produce", "data.py")),
        tracks.number(200, 7, (main,)),
        tracks.number(200, 9, thread("QueueFeederThread._feed", "multiprocessing/queues.py")),
        tracks.number(100, 10, thread("_pin_memory_loop", "torch/utils/data/_utils/pin_memory.py")),
        tracks.number(100, 11, thread("produce", "data.py")),
    ]
    assert numbers == [0, 1, 2, 3, 4, 5]
    assert tracks.number(100, 8) == 1
    assert [t.role for t in tracks.found] == ["training", "thread", "worker", "feeder", "pin", "thread"]
    assert [t.worker for t in tracks.found] == [None, None, 3, 3, None, None]
    assert (tracks.found[1].name, tracks.found[1].native_id) == ("prefetch", 4711)
    assert tracks.found[5].name == "produce"
    assert tracks.found[2].native_id == 200  # a process's main thread has its number


def test_slow_samples_of_the_training_process_and_of_workers() -> None:
    main = events((Kind.SLOW_SAMPLE, 0, 100, 130, 7, 1), step(200, 1))
    worker = events((Kind.SLOW_SAMPLE, 0, 150, 190, 9, 2), (Kind.SLOW_SAMPLE, 0, 160, 195, 11, 2))
    found = read_slow_samples(main, [(3, 2, worker), (4, 2, events())])
    assert found.index.tolist() == [7, 9, 11]
    assert (found.loader.tolist(), found.worker.tolist()) == ([1, 2, 2], [-1, 3, 3])
    assert (found.begun_ns.tolist(), found.fetched_ns.tolist()) == ([100, 150, 160], [130, 190, 195])


def test_a_loader_knows_the_numbers_of_all_its_iterators() -> None:
    notes = [{"kind": "loader", "loader": n, "identity": 5, "one_by_one": True} for n in (1, 3)]
    (found,) = read_loaders(events(), Notes(notes))
    assert (found.number, found.numbers, found.one_by_one) == (3, (1, 3), True)
