"""Every wait for a lock is recorded with its holder, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.collect.lock_runs import PYTHONS, line_of, run

CONTENDED = """
class Registry:
    def __init__(self):
        self.lock = threading.{kind}()  # made
registry = Registry()
held = threading.Event()
def holder():
    with registry.lock:
        held.set()
        time.sleep(0.2)  # holds
def waiter():
    held.wait()
    {wait}  # waits
    registry.lock.release()
began = time.monotonic_ns()
run(holder, waiter)
"""


@pytest.mark.parametrize("python", PYTHONS, ids=lambda p: Path(p).parent.parent.name)
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
@pytest.mark.parametrize("wait", ["registry.lock.__enter__()", "registry.lock.acquire(timeout=30)"])
def test_a_wait_names_holder_lines_and_length(tmp_path: Path, python: str, kind: str, wait: str) -> None:
    (seen,), script = run(tmp_path, CONTENDED.format(kind=kind, wait=wait), python)
    (row,) = [w for w in seen.waits if w["end"] - w["start"] > 50_000_000]
    assert 150_000_000 < row["end"] - row["start"] < 2_000_000_000
    assert seen.threads[row["thread"]] == "waiter"
    assert seen.threads[row["holder"]] == "holder"
    assert seen.line(row["holder_stack"]) == f"holder:{line_of(script, '# holds')}"
    assert seen.line(row["waiter_stack"]) == f"waiter:{line_of(script, '# waits')}"
    lock = seen.locks[row["lock"]]
    assert lock["lock_kind"] == kind
    assert (lock["made_file"], lock["made_line"]) == (str(script), line_of(script, "# made"))
    assert lock["made_function"].endswith("__init__")


def test_waiting_for_work_is_no_lock_wait(tmp_path: Path) -> None:
    body = """
import queue
tasks, ready, cond, sem = queue.Queue(), threading.Event(), threading.Condition(), threading.Semaphore(0)
signal = threading.Lock()
def idle():
    assert tasks.get() == 1
    ready.wait()
    with cond:
        cond.wait()
    sem.acquire()
    signal.acquire()
    signal.acquire()
def feeder():
    time.sleep(0.05); tasks.put(1)
    time.sleep(0.05); ready.set()
    time.sleep(0.05)
    with cond:
        cond.notify()
    time.sleep(0.05); sem.release()
    time.sleep(0.05); signal.release()
run(idle, feeder)
"""
    (seen,), _ = run(tmp_path, body)
    assert sum(w["end"] - w["start"] for w in seen.waits) < 20_000_000


@pytest.mark.parametrize("python", PYTHONS, ids=lambda p: Path(p).parent.parent.name)
@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_a_semaphore_used_as_a_lock_is_one(tmp_path: Path, python: str, kind: str) -> None:
    body = f"""
slots = threading.{kind}(1)  # made
held = threading.Event()
def holder():
    with slots:
        held.set()
        time.sleep(0.2)  # holds
def waiter():
    held.wait()
    with slots:  # waits
        pass
run(holder, waiter)
work = threading.Semaphore(1)
def take():
    for _ in range(4):
        work.acquire()
def give():
    for _ in range(3):
        time.sleep(0.03)
        work.release()
run(take, give)
run(take, give, lambda: (time.sleep(0.1), work.release()))
assert not work.__dict__["_throughput"].holders
"""
    (seen,), script = run(tmp_path, body, python)
    rows = [w for w in seen.waits if w["end"] - w["start"] > 20_000_000]
    row = rows[0]
    assert 150_000_000 < row["end"] - row["start"] < 2_000_000_000
    assert (seen.threads[row["thread"]], seen.threads[row["holder"]]) == ("waiter", "holder")
    assert seen.line(row["holder_stack"]) == f"holder:{line_of(script, '# holds')}"
    assert seen.line(row["waiter_stack"]) == f"waiter:{line_of(script, '# waits')}"
    lock = seen.locks[row["lock"]]
    assert (lock["lock_kind"], lock["made_line"]) == ("Semaphore", line_of(script, "# made"))
    assert len(rows) == 1


def test_the_lock_of_a_queue_or_condition_is_the_line_that_made_it(tmp_path: Path) -> None:
    body = """
import queue
from dataclasses import dataclass, field
tasks = queue.Queue()  # queue
cond = threading.Condition()  # condition
@dataclass
class Shelf:
    books: dict
    lock: "the shelf's" = field(default_factory=threading.Lock)  # field
    def __post_init__(self): pass
shelf = Shelf({})
for lock in (tasks.mutex, cond, shelf.lock):
    def holder():
        with lock:
            held.set()
            time.sleep(0.05)
    def waiter():
        held.wait()
        with lock:
            pass
    held = threading.Event()
    run(holder, waiter)
"""
    (seen,), script = run(tmp_path, body)
    waited = {w["lock"] for w in seen.waits if w["end"] - w["start"] > 30_000_000}
    made = {(Path(seen.locks[n]["made_file"]), seen.locks[n]["made_line"]) for n in waited}
    assert made == {(script, line_of(script, f"# {mark}")) for mark in ("queue", "condition", "field")}
    assert {seen.locks[n].get("name") for n in waited} == {None, "Shelf.lock"}


def test_the_one_that_was_handed_the_lock_is_its_holder(tmp_path: Path) -> None:
    body = """
lock = threading.Lock()
stop = time.monotonic() + 0.5
def first():
    while time.monotonic() < stop:
        with lock:
            sum(range(20000))
def second():
    while time.monotonic() < stop:
        with lock:
            sum(range(20000))
run(first, second)
"""
    (seen,), _ = run(tmp_path, body)
    assert seen.waits
    pairs = {(seen.threads[w["thread"]], seen.threads.get(w["holder"], "")) for w in seen.waits}
    assert ("first", "second") in pairs or ("second", "first") in pairs
    assert all(waiter != holder for waiter, holder in pairs)


def test_each_forked_child_records_into_files_of_its_own(tmp_path: Path) -> None:
    body = """
import os
from throughput_inprocess.recorder import recorder
os.register_at_fork(after_in_child=recorder.after_fork)
lock = threading.Lock()  # made
def contend():
    held = threading.Event()
    def holder():
        with lock:
            held.set()
            time.sleep(0.05)
    def waiter():
        held.wait()
        with lock:
            pass
    run(holder, waiter)
contend()
print(os.getpid())
child = os.fork()
contend()
if child == 0:
    recorder.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    both, script = run(tmp_path, body)
    assert len(both) == 2
    for seen in both:
        waits = [w for w in seen.waits if w["end"] - w["start"] > 30_000_000]
        assert waits
        for wait in waits:
            assert seen.locks[wait["lock"]]["made_line"] == line_of(script, "# made")
            assert seen.line(wait["holder_stack"]).startswith("holder:")
            assert seen.line(wait["waiter_stack"]).startswith("waiter:")
    assert len([w for w in both[0].waits if w["end"] - w["start"] > 30_000_000]) == 2


def test_rows_do_not_pile_up_where_nothing_is_recorded(tmp_path: Path) -> None:
    body = """
from throughput_inprocess import lock_waits
lock_waits.WAITING_ROWS, lock_waits.WORTH_NS = 50, 0
recorder.folder = None
lock = threading.Lock()
def contend():
    for _ in range(300):
        lock.acquire(timeout=0.0001)
with lock:
    run(contend)
assert len(recorder.rows) <= 52, len(recorder.rows)
recorder.folder = sys.argv[1]
with lock:
    run(contend)
"""
    (seen,), _ = run(tmp_path, body)
    assert len(seen.waits) >= 300
