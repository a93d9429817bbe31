"""What a stack of the training thread shows; the first that applies."""

from __future__ import annotations

import pytest

from tests.unit.attribute.scenes import FETCH, LOADER, MAIN, MATMUL, QUEUE_GET, TRAIN, library, own
from throughput.attribute.classify import Classifier, Doing
from throughput.attribute.lines import SourceIndex
from throughput.model.timeline import LOCK_FRAME, Frame, Stacks

SOURCE = """\
import time
import torch

def train():
    time.sleep(1)
    print(1)
    torch.save(model, "x")
    logger.info("x")
    sys.stdout.write("x")
    x = a + b
"""


def doing(*frames: Frame) -> Doing:
    stacks = Stacks(frames=frames, stacks=(tuple(range(len(frames))),))
    lines = SourceIndex({"train.py": dict(enumerate(SOURCE.split("\n"), 1))})
    return Classifier(stacks, lines).doing(0)


POLL = library("Connection._poll", "multiprocessing/connection.py")
CASES = {
    "nothing": ((), Doing.PYTHON),
    "a lock of the script's": ((MAIN, LOCK_FRAME), Doing.LOCK),
    "own Python": ((MAIN, own("train", 10)), Doing.PYTHON),
    "an operator": ((MAIN, TRAIN, MATMUL), Doing.TORCH),
    "other library code": ((MAIN, TRAIN, library("dumps", "json/__init__.py")), Doing.PYTHON),
    "a queue": ((MAIN, TRAIN, QUEUE_GET), Doing.WAIT),
    "an event": ((MAIN, TRAIN, library("Event.wait", "threading.py")), Doing.AWAIT),
    "a future": ((MAIN, TRAIN, library("Future.result", "concurrent/futures/_base.py")), Doing.WAIT),
    "an event that brings a batch": (
        (MAIN, own("get_batch", 10), library("Event.wait", "threading.py")),
        Doing.WAIT,
    ),
    "a thread of a pool with nothing to do": (
        (library("_worker", "concurrent/futures/thread.py"),),
        Doing.AWAIT,
    ),
    "unpickling what a queue brought": (
        (MAIN, TRAIN, library("Queue.get", "multiprocessing/queues.py")),
        Doing.LOADING,
    ),
    "waiting for what a queue brings": (
        (MAIN, TRAIN, library("Queue.get", "multiprocessing/queues.py"), POLL),
        Doing.WAIT,
    ),
    "running code of threading": ((library("Thread.run", "threading.py"),), Doing.PYTHON),
    "sleeping": ((MAIN, own("train", 5)), Doing.SLEEP),
    "sleeping where the batch is made": ((MAIN, own("get_batch", 5)), Doing.LOADING),
    "print": ((MAIN, own("train", 6)), Doing.LOGGING),
    "torch.save on the line": ((MAIN, own("train", 7)), Doing.LOGGING),
    "logger on the line": ((MAIN, own("train", 8)), Doing.LOGGING),
    "stdout": ((MAIN, own("train", 9)), Doing.LOGGING),
    "below logging": ((MAIN, TRAIN, library("info", "logging/__init__.py"), MATMUL), Doing.LOGGING),
    "tqdm": ((MAIN, TRAIN, library("tqdm.update", "tqdm/std.py")), Doing.LOGGING),
    "torch.save": ((MAIN, TRAIN, library("save", "torch/serialization.py")), Doing.LOGGING),
    "a collective": (
        (MAIN, library("all_reduce", "torch/distributed/distributed_c10d.py")),
        Doing.COLLECTIVE,
    ),
    "the loader": ((MAIN, TRAIN, LOADER, FETCH), Doing.LOADING),
    "own code below the loader": ((MAIN, LOADER, FETCH, own("Data.__getitem__", 10)), Doing.LOADING),
    "own get_batch": ((MAIN, own("get_batch", 10)), Doing.LOADING),
    "own collate": ((MAIN, own("my_collate", 10)), Doing.LOADING),
    "an operator in own collate": ((MAIN, own("collate_fn", 10), MATMUL), Doing.LOADING),
    "own batch iterator": ((MAIN, own("Corpus.iterate_minibatches", 10)), Doing.LOADING),
    "memmap": ((MAIN, TRAIN, library("memmap.__getitem__", "numpy/_core/memmap.py")), Doing.LOADING),
    "own train_batch is no loading": ((MAIN, own("train_batch", 10)), Doing.PYTHON),
    "own evaluate is no loading": ((MAIN, own("evaluate", 10), MATMUL), Doing.TORCH),
}


@pytest.mark.parametrize("case", CASES)
def test_doing(case: str) -> None:
    frames, expected = CASES[case]
    assert doing(*frames) is expected
