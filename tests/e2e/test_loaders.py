"""Batches from anywhere: each way to start workers, no DataLoader at all, evaluation in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, assert_done, profile

STEPS = """
def train(batches):
    for x, y in batches:
        optimizer.zero_grad()
        loss_of(x, y).backward()
        counted()
        optimizer.step()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
"""


def data_loading_ns(report: dict) -> float:  # type: ignore[type-arg]
    """Return the mean time a step that the report gives to data loading."""
    row = next(row for row in report["split"] if row["category"] == "data_loading")
    return float(row["ns_per_step"])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_every_start_method(tmp_path: Path, method: str) -> None:
    script = f"""
import time
class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 4000
    def __getitem__(self, number):
        time.sleep(0.002)
        return torch.full((16,), float(number)), torch.zeros(4)
if __name__ == "__main__":
    loader = torch.utils.data.DataLoader(Slow(), 8, num_workers=1, multiprocessing_context="{method}")
    train(loader)
"""
    # py-spy looks for new processes now and then: the steps must last longer than that on a busy machine.
    collectors = ("--collectors", "loader,stacks,locks,cprofile", "--warmup", "4", "--steps", "80")
    ran = profile(tmp_path, PRELUDE + STEPS + script, *collectors)
    assert_done(ran)
    assert ran.report["loader"]["num_workers"] == 1
    # Eight samples of 2 ms each by one worker, and a training that takes next to nothing.
    assert data_loading_ns(ran.report) > 8e6
    worst = ran.report["hotspots"][0]
    assert (worst["file"], worst["process"]) == ("train.py", "DataLoader workers"), worst


def test_persistent_workers_over_many_epochs(tmp_path: Path) -> None:
    script = """
loader = torch.utils.data.DataLoader(data, 40, num_workers=1, persistent_workers=True)
for epoch in range(50):
    train(loader)
"""
    ran = profile(tmp_path, PRELUDE + STEPS + script, *QUICK)
    assert_done(ran)


def test_new_workers_each_epoch(tmp_path: Path) -> None:
    script = """
loader = torch.utils.data.DataLoader(data, 40, num_workers=1)
for epoch in range(50):
    train(loader)
"""
    ran = profile(tmp_path, PRELUDE + STEPS + script, *QUICK)
    assert_done(ran)


def test_evaluation_in_between_with_another_loader(tmp_path: Path) -> None:
    script = """
held_out = torch.utils.data.DataLoader(data, 16)
def evaluate():
    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            loss_of(x, y)
    model.train()
def batches():
    while True:
        for number, batch in enumerate(torch.utils.data.DataLoader(data, 8, shuffle=True)):
            if number % 10 == 9:
                evaluate()
            yield batch
evaluate()
train(batches())
"""
    ran = profile(tmp_path, PRELUDE + STEPS + script, *QUICK)
    assert_done(ran)


def test_an_iterable_data_set(tmp_path: Path) -> None:
    script = """
class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        for number in range(4000):
            yield torch.full((16,), float(number)), torch.zeros(4)
train(torch.utils.data.DataLoader(Stream(), 8, num_workers=2))
"""
    ran = profile(tmp_path, PRELUDE + STEPS + script, *QUICK)
    assert_done(ran)
    assert ran.report["throughput"]["samples_per_s"] == pytest.approx(
        8 * ran.report["throughput"]["steps_per_s"], rel=0.01
    )


SOURCES = {
    "a memory map opened for each batch": """
import numpy
numpy.arange(64000, dtype=numpy.float32).tofile("tokens.bin")
def batches():
    while True:
        file = numpy.memmap("tokens.bin", dtype=numpy.float32, mode="r")
        where = torch.randint(len(file) - 20, (8,))
        yield (torch.stack([torch.from_numpy(file[i : i + 16].copy()) for i in where]),
               torch.stack([torch.from_numpy(file[i : i + 4].copy()) for i in where]))
train(batches())
""",
    "a queue that threads feed": """
import queue, threading
ready = queue.Queue(4)
def feed():
    while True:
        ready.put((torch.ones(8, 16), torch.ones(8, 4)))
for _ in range(2):
    threading.Thread(target=feed, daemon=True).start()
train(iter(ready.get, None))
""",
    "a generator": "train((torch.ones(8, 16), torch.ones(8, 4)) for _ in range(4000))",
    "a process of its own": """
import multiprocessing
def feed(queue):
    while True:
        queue.put(([0.0] * 16, [0.0] * 4))
if __name__ == "__main__":
    queue = multiprocessing.Queue(4)
    multiprocessing.Process(target=feed, args=(queue,), daemon=True).start()
    train((torch.tensor([x]), torch.tensor([y])) for x, y in iter(queue.get, None))
""",
}


@pytest.mark.parametrize("source", SOURCES)
def test_no_data_loader(tmp_path: Path, source: str) -> None:
    ran = profile(tmp_path, PRELUDE + STEPS + SOURCES[source], *QUICK)
    assert_done(ran)
    assert ran.report["loader"] is None


def test_slow_batches_of_a_generator_are_data_loading(tmp_path: Path) -> None:
    script = """
import time
def read_batch():
    time.sleep(0.02)
    return torch.ones(8, 16), torch.ones(8, 4)
def batches():
    while True:
        yield read_batch()
train(batches())
"""
    options = ("--collectors", "stacks", "--warmup", "4", "--steps", "100")
    ran = profile(tmp_path, PRELUDE + STEPS + script, *options)
    assert_done(ran)
    row = next(row for row in ran.report["split"] if row["category"] == "data_loading")
    assert row["share"] > 0.5, ran.report["split"]
    assert ran.report["hotspots"][0]["name"] in ("read_batch", "sleep"), ran.report["hotspots"][0]


def test_the_slowest_sample_and_what_was_read(tmp_path: Path) -> None:
    script = """
import time
open("part.bin", "wb").write(bytes(20_000_000))
class Shard(torch.utils.data.Dataset):
    def __init__(self):
        self.file = open("part.bin", "rb", buffering=0)
    def __len__(self):
        return 4000
    def __getitem__(self, number):
        self.file.seek(number * 4_000)
        read = self.file.read(400_000)
        time.sleep(0.1 if number == 230 else 0.001)
        return torch.full((16,), float(len(read))), torch.zeros(4)
train(torch.utils.data.DataLoader(Shard(), 4, num_workers=1))
"""
    options = ("--collectors", "loader,host", "--warmup", "4", "--steps", "80")
    ran = profile(tmp_path, PRELUDE + STEPS + script, *options)
    assert_done(ran)
    loader = ran.report["loader"]
    assert loader["slowest"][0]["index"] == 230
    assert loader["slowest"][0]["fetch_ns"] > 0.1e9
    assert loader["slowest"][0]["worker"] == 0
    assert loader["reads"]["data_bytes"] == 20_000_000
    assert loader["reads"]["data_files"] == 1
