"""Locks that stand in for Python's behave as Python's do."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.collect.lock_runs import PYTHONS, inprocess_locks, run

BEHAVIOUR = """
import copy, gc, pickle, weakref, queue, contextlib, _thread, logging, concurrent.futures
def raises(kind, call, *a, **k):
    try:
        call(*a, **k)
    except kind as error:
        return str(error)
    raise AssertionError(f"{call} did not raise {kind}")
for new, raw in ((threading.Lock, RawLock), (threading.RLock, RawRLock)):
    lock, plain = new(), raw()
    assert type(lock) is new and isinstance(lock, type(plain)) and isinstance(plain, new)
    assert isinstance(lock, new) and isinstance(lock, type(new())) and not isinstance(3, new)
    assert isinstance(lock, contextlib.AbstractContextManager)
    assert repr(lock).startswith("<unlocked _thread.")
    assert weakref.ref(lock)() is lock and hash(lock) == hash(lock) and lock == lock and lock != new()
    for call in (pickle.dumps, copy.copy, copy.deepcopy):
        assert raises(TypeError, call, lock) == raises(TypeError, call, plain)
    assert pickle.loads(pickle.dumps(new)) is new
    assert raises(RuntimeError, lock.release) == raises(RuntimeError, plain.release)
    wrong = (ValueError, OverflowError)
    for bad in ((False, 1), (True, -5), (True, 1e30)):
        assert raises(wrong, lock.acquire, *bad) == raises(wrong, plain.acquire, *bad)
    raises(AttributeError, setattr, lock, "colour", 1)
    raises(AttributeError, getattr, lock, "colour")
    for name in dir(plain):
        assert hasattr(lock, name), name
    assert lock.acquire() is True and lock.acquire(False) is (new is threading.RLock)
    assert lock.acquire(blocking=True, timeout=0.01) is (new is threading.RLock)
    assert repr(lock).startswith("<locked _thread.")
    if hasattr(plain, "locked"):
        assert lock.locked()
    lock._at_fork_reinit()
    assert lock.__enter__() is True
    assert not lock.__exit__(None, None, None)
    raises(ZeroDivisionError, lambda: [0 for _ in (1,) if lock.__enter__() and 1 / 0])
    lock.release()
    with lock, contextlib.ExitStack() as stack:
        stack.enter_context(new())
    class Held:
        make = new  # like the builtin it stands for, it is no method
    assert isinstance(Held().make(), new)
    gone = weakref.ref(new()); gc.collect(); assert gone() is None
import io
class LikeDill(pickle._Pickler):
    dispatch = dict(pickle._Pickler.dispatch)
def save_lock(pickler, obj):
    pickler.save_reduce(bool, (obj.locked(),), obj=obj)
LikeDill.dispatch[_thread.LockType] = save_lock
written = io.BytesIO()
LikeDill(written).dump([threading.Lock()])
assert pickle.loads(written.getvalue()) == [False]
lock = threading.RLock()
with lock:
    with lock:
        assert lock._is_owned()
        state = lock._release_save()
        assert not lock._is_owned()
        lock._acquire_restore(state)
        if hasattr(RawRLock(), "_recursion_count"):
            assert lock._recursion_count() == 2
    others = []
    run(lambda: others.append(lock.acquire(False)))
    assert others == [False]
raises(RuntimeError, lock.release)
cond = threading.Condition()
with cond:
    assert cond.wait(0.01) is False
    with cond:
        assert cond.wait(0.01) is False
items = queue.Queue()
def put():
    for i in range(200):
        items.put(i)
got = []
run(put, put, lambda: got.extend(items.get() for _ in range(400)))
assert sorted(got) == sorted([*range(200)] * 2)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    assert sum(pool.map(lambda n: n, range(100))) == 4950
barrier = threading.Barrier(3); run(*[barrier.wait] and [lambda: barrier.wait(5)] * 3)
sem = threading.BoundedSemaphore(2); sem.acquire(); sem.release(); raises(ValueError, sem.release)
logging.getLogger().warning("said")
timer = threading.Timer(0.01, lambda: None); timer.start(); timer.join()
"""


@pytest.mark.parametrize("python", PYTHONS, ids=lambda p: Path(p).parent.parent.name)
def test_stand_ins_behave_as_the_locks_they_stand_for(tmp_path: Path, python: str) -> None:
    run(tmp_path, BEHAVIOUR, python)


@settings(max_examples=15)
@given(
    kind=st.sampled_from(["Lock", "RLock"]),
    plans=st.lists(
        st.lists(st.sampled_from(["with", "try", "timeout", "nested"]), max_size=30), min_size=2, max_size=4
    ),
)
def test_no_two_threads_are_inside_at_once(kind: str, plans: list[list[str]]) -> None:
    locks = inprocess_locks()
    make = {"Lock": locks._lock_class(threading.Lock), "RLock": locks._rlock_class(threading.RLock)}[kind]
    lock, inside, worst, done = make(), [], [], []

    def critical(index: int) -> None:
        inside.append(index)
        worst.append(len(inside))
        time.sleep(0)
        inside.remove(index)
        done.append(index)

    arguments: dict[str, dict[str, Any]] = {"try": {"blocking": False}, "timeout": {"timeout": 0.0005}}

    def run_plan(index: int) -> None:
        for way in plans[index]:
            while not lock.acquire(**arguments.get(way, {})):
                time.sleep(0)
            if way == "nested" and kind == "RLock":
                with lock:
                    critical(index)
            else:
                critical(index)
            lock.release()

    threads = [threading.Thread(target=run_plan, args=(i,)) for i in range(len(plans))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert len(done) == sum(map(len, plans))
    assert set(worst) <= {1}
    assert lock.acquire(False)
