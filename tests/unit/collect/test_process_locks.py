"""Waits for the locks of multiprocessing and of files are recorded too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.collect.lock_runs import PYTHONS, line_of, run

PROCESSES = """
import multiprocessing, os
locks.install_process_locks()
def hold(lock, again, ready):
    with lock:
        ready.set()
        time.sleep(0.3)
    ready.wait()
    lock.acquire(); lock.release()
    assert lock.acquire(timeout=5) and lock.acquire(False) is again
    if again:
        lock.release()
    lock.release()
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    lock = context.{kind}()  # made
    ready = context.Event()
    child = context.Process(target=hold, args=(lock, {again}, ready))
    child.start()
    ready.wait()
    with lock:  # waits
        pass
    child.join()
    print(os.getpid())
    assert child.exitcode == 0
"""


@pytest.mark.parametrize("python", PYTHONS, ids=lambda p: Path(p).parent.parent.name)
@pytest.mark.parametrize(("method", "kind"), [("fork", "Lock"), ("spawn", "RLock"), ("forkserver", "Lock")])
def test_a_wait_for_a_lock_between_processes(tmp_path: Path, python: str, method: str, kind: str) -> None:
    body = PROCESSES.format(method=method, kind=kind, again=kind == "RLock")
    seen, script = run(tmp_path, body, python)
    (row,) = [w for w in seen[0].waits if w["end"] - w["start"] > 50_000_000]
    assert 100_000_000 < row["end"] - row["start"] < 2_000_000_000
    lock = seen[0].locks[row["lock"]]
    assert (lock["lock_kind"], lock["made_line"]) == ("process lock", line_of(script, "# made"))
    assert lock["shared"]
    assert row["holder"] == -1
    assert seen[0].line(row["waiter_stack"]) == f"<module>:{line_of(script, '# waits')}"


@pytest.mark.parametrize("call", ["flock", "lockf"])
def test_a_wait_for_a_file_lock(tmp_path: Path, call: str) -> None:
    body = f"""
import fcntl, os
locks.install_file_locks()
locks.install_file_locks()
path = sys.argv[1] + "/cache.lock"
file = open(path, "w")
r, w = os.pipe()
if not os.fork():
    other = open(path, "w")
    fcntl.{call}(other, fcntl.LOCK_EX)
    os.write(w, b"x")
    time.sleep(0.2)
    fcntl.{call}(other, fcntl.LOCK_UN)
    os._exit(0)
os.read(r, 1)
try:
    fcntl.{call}(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    raise AssertionError
except BlockingIOError:
    pass
fcntl.{call}(file.fileno(), fcntl.LOCK_EX)  # waits
fcntl.{call}(file, fcntl.LOCK_UN)
try:
    fcntl.{call}(9999, fcntl.LOCK_EX)
    raise AssertionError
except OSError as error:
    assert error.errno == 9
"""
    (seen,), script = run(tmp_path, body)
    (row,) = seen.waits
    assert 100_000_000 < row["end"] - row["start"] < 1_000_000_000
    lock = seen.locks[row["lock"]]
    assert lock["lock_kind"] == "file lock"
    assert lock["name"].endswith("cache.lock")
    assert seen.line(row["waiter_stack"]) == f"<module>:{line_of(script, '# waits')}"
