"""Time a DataLoader: the training thread's waits, each batch's life, and the making of batches in workers."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import time

from . import amounts, calls, control, rank, stacks, useful
from .clock import LOADER, clock, known_clock, open_schedstat, thread_readings
from .live import SLOT, page
from .recorder import BATCH_ARRIVED, BATCH_ASKED, BATCH_MADE, BATCH_TAKEN, ITERATOR, recorder
from .slow_samples import are_one_by_one, samples

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .clock import PhaseClock

    Call = Callable[..., Any]

DUMP_NS = 500_000_000
"""A worker under cProfile writes its calls this often: it may be ended without notice."""

LAST_SIGN = SLOT["last_sign_ns"]

_iterators = [0]
_worker: dict[str, Any] = {
    "batch": -1,
    "fd": None,
    "fetched": -1,
    "counter": None,
    "dumped": 0,
    "unwritten": False,
    "fetches": 0,
}


def wrap_next(original: Call, is_compiling: Callable[[], bool]) -> Call:
    """Return `__next__` that times the wait and counts the batch."""

    @functools.wraps(original)
    def __next__(self: Any) -> Any:
        if is_compiling():
            return original(self)
        clk = clock()
        if LOADER in clk.stack or clk.phase == LOADER:
            return original(self)
        controller = control.controller
        if controller is not None and controller.reads_all_marks:
            controller.mark("batch", id(self))
        loader = samples.loader = getattr(self, "_throughput_loader", -1)
        wanted = clk.enter(LOADER)
        cpu, runq = clk.cpu, clk.runq
        try:
            batch = original(self)
        except StopIteration:
            if controller is not None and controller.reads_all_marks:
                controller.mark("exhausted", id(self))
            raise
        finally:
            taken = clk.leave()
            if clk.made:
                _note_made(clk, taken - wanted - (clk.cpu - cpu), clk.runq - runq)
        size, tokens = useful.counted(batch)
        if controller is not None:
            controller.samples += size
            controller.tokens += tokens
        number = getattr(self, "_rcvd_idx", 0) or getattr(self, "_num_yielded", 0)
        clk.write(BATCH_TAKEN, clk.thread, wanted, taken, loader, number - 1, size or -1, 0)
        page.cells[LAST_SIGN] = taken
        return batch

    return __next__


def _note_made(clk: PhaseClock, blocked: int, queued: int) -> None:
    """Write the batches that the training thread made in one wait, `blocked` ns of it off the CPU."""
    for begun, made, fetched in clk.made:
        length = made - begun
        cpu, runq = max(0, length - blocked), min(length, queued) if clk.fd >= 0 else -1
        clk.write(BATCH_MADE, 0, begun, made, -1, fetched, cpu, runq)
    clk.made.clear()


def _settings(loader: Any, number: int) -> dict[str, Any]:
    """Return what a DataLoader says of itself."""
    context = getattr(loader, "multiprocessing_context", None)
    method = (
        context.get_start_method()
        if context is not None
        else multiprocessing.get_start_method(allow_none=True)
    )
    dataset = getattr(loader, "dataset", None)
    collates = getattr(loader, "batch_sampler", None) is not None
    # torch's IterableDataset inherits a __getitem__ that only raises.
    iterable = getattr(loader, "_dataset_kind", 0) == 1 or not hasattr(dataset, "__getitem__")
    return {
        "loader": number,
        "identity": id(loader),
        "num_workers": getattr(loader, "num_workers", 0),
        "prefetch_factor": getattr(loader, "prefetch_factor", None),
        "batch_size": getattr(loader, "batch_size", None),
        "pin_memory": getattr(loader, "pin_memory", None),
        "persistent_workers": getattr(loader, "persistent_workers", None),
        "in_order": getattr(loader, "in_order", None),
        "start_method": method,
        "iterable": iterable,
        "one_by_one": are_one_by_one(dataset, collates, iterable),
        "dataset": type(dataset).__qualname__,
        "batch_sampler": type(getattr(loader, "batch_sampler", None)).__name__,
        "drop_last": getattr(loader, "drop_last", None),
    }


def wrap_get_iterator(original: Call) -> Call:
    """Return `_get_iterator` that claims the rank before workers start, and times their start."""

    @functools.wraps(original)
    def _get_iterator(self: Any) -> Any:
        rank.claim()
        clk = clock()
        number = _iterators[0] = _iterators[0] + 1
        os.environ["THROUGHPUT_LOADER"] = str(number)
        start = clk.enter(LOADER)
        try:
            iterator = original(self)
        finally:
            ready = clk.leave()
        iterator._throughput_loader = number
        recorder.rows.append((ITERATOR, clk.thread, start, ready, number, 0, 0, 0))
        recorder.note("loader", **_settings(self, number))
        controller = control.controller
        if controller is not None and clk.thread == (controller.thread or clk.thread):
            controller.prefetched = max(
                controller.prefetched, (getattr(self, "prefetch_factor", None) or 0) * (self.num_workers or 0)
            )
        return iterator

    return _get_iterator


def wrap_put_index(original: Call) -> Call:
    """Return `_try_put_index` that notes which worker was asked for which batch."""

    @functools.wraps(original)
    def _try_put_index(self: Any) -> Any:
        before = self._send_idx
        result = original(self)
        if self._send_idx > before:
            task = self._task_info.get(before)
            worker = task[0] if task else -1
            loader = getattr(self, "_throughput_loader", _iterators[0])
            recorder.rows.append((BATCH_ASKED, 0, time.monotonic_ns(), 0, loader, before, worker, 0))
        return result

    return _try_put_index


def wrap_get_data(original: Call) -> Call:
    """Return `_get_data` that notes when a batch arrived in the training process."""

    @functools.wraps(original)
    def _get_data(self: Any) -> Any:
        result = original(self)
        if isinstance(result, tuple) and result and isinstance(result[0], int):
            loader = getattr(self, "_throughput_loader", _iterators[0])
            recorder.rows.append((BATCH_ARRIVED, 0, time.monotonic_ns(), 0, loader, result[0], 0, 0))
        return result

    return _get_data


class _IndexQueue:
    """A worker's index queue that remembers the number of the batch it handed out."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def get(self, *args: Any, **kwargs: Any) -> Any:
        message = self._queue.get(*args, **kwargs)
        if isinstance(message, tuple) and message and isinstance(message[0], int):
            _worker["batch"] = message[0]
        return message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


def wrap_worker_loop(original: Call) -> Call:
    """Return `_worker_loop` that opens the worker's raw files and numbers its batches."""

    @functools.wraps(original)
    def _worker_loop(dataset_kind: Any, dataset: Any, index_queue: Any, *args: Any, **kwargs: Any) -> Any:
        rank.join()
        control.controller = None
        recorder.know_thread()
        worker = args[7] if len(args) > 7 else kwargs.get("worker_id", -1)
        loader = samples.loader = int(os.environ.get("THROUGHPUT_LOADER", "-1"))
        recorder.note("worker", pid=os.getpid(), worker=worker, loader=loader, t=time.monotonic_ns())
        try:
            return original(dataset_kind, dataset, _IndexQueue(index_queue), *args, **kwargs)
        finally:
            _dump_calls()
            recorder.flush()

    return _worker_loop


def _dump_calls() -> None:
    counter = _worker["counter"]
    if counter is not None and not counter.lost:
        calls.write_calls(counter.counted(), "worker", fetches=_worker["fetches"])
        amounts.note()
        _worker["dumped"], _worker["unwritten"] = time.monotonic_ns(), False


def _counting(on: Any) -> calls.CallCounter | None:
    """Return a started call counter where the cProfile block is on, and write the calls now and then."""
    counter: calls.CallCounter | None = _worker["counter"]
    if not on:
        if counter is not None and _worker["unwritten"]:
            amounts.end()
            _dump_calls()
        return None
    if counter is None:
        counter = _worker["counter"] = calls.CallCounter()
    elif time.monotonic_ns() - _worker["dumped"] > DUMP_NS:
        _dump_calls()
    _worker["unwritten"] = True
    amounts.begin()
    amounts.count_pickles()
    return counter if counter.start() else None


def _in_worker() -> bool:
    worker = sys.modules.get("torch.utils.data._utils.worker")
    return worker is not None and getattr(worker, "_worker_info", None) is not None


def _fetch_elsewhere(original: Call, fetcher: Any, index: Any) -> Any:
    """Fetch a batch in a worker, or in a thread whose clock doesn't time the wait for it."""
    in_worker = _in_worker()
    if in_worker and page.get("stacks_state") == 4:
        stacks.sample_here()
    _worker["fetched"] = -1
    if _worker["fd"] is None:
        _worker["fd"] = open_schedstat()
    begun, cpu, runq = thread_readings(_worker["fd"])
    counter = _counting(page.get("cprofile_on")) if in_worker else None
    timed = type(index) is list and counter is None
    timed = timed and getattr(fetcher, "_throughput_one_by_one", False)
    batch = None
    try:
        batch = original(fetcher, samples.of(index) if timed else index)
        return batch
    finally:
        if counter is not None:
            counter.stop()
            _worker["fetches"] += 1
        made, cpu_then, runq_then = thread_readings(_worker["fd"])
        if timed:
            samples.count(len(index), made - begun)
        about = _worker["batch"], _worker["fetched"], cpu_then - cpu, runq_then - runq
        recorder.rows.append((BATCH_MADE, 0, begun, made, *about))
        _look_at(batch, made, in_worker)
        if in_worker:
            recorder.flush_if_due(made)


def wrap_fetch(original: Call) -> Call:
    """Return a fetcher's `fetch` that times fetching and collating, in workers and in training itself."""
    plain = original

    def put(around: Callable[[Call], Call] | None) -> None:
        """Put something around the fetch itself, or take it away; the name is the one that fetch calls."""
        nonlocal original
        original = plain if around is None else around(plain)

    amounts.points.append(put)

    @functools.wraps(original)
    def fetch(self: Any, possibly_batched_index: Any) -> Any:
        clk = known_clock()
        if clk is None or clk.phase != LOADER:
            return _fetch_elsewhere(original, self, possibly_batched_index)
        # The training thread's clock times the wait for this batch: its edges tell the CPU time.
        timed = type(possibly_batched_index) is list and getattr(self, "_throughput_one_by_one", False)
        indices = samples.of(possibly_batched_index) if timed else possibly_batched_index
        batch, _worker["fetched"] = None, -1
        begun = time.monotonic_ns()
        try:
            batch = original(self, indices)
            return batch
        finally:
            made = time.monotonic_ns()
            clk.made.append((begun, made, _worker["fetched"]))
            if timed:
                samples.count(len(possibly_batched_index), made - begun)
            _look_at(batch, made, in_worker=False)

    return fetch


def _look_at(batch: Any, now: int, in_worker: bool) -> None:
    """Have the padding of a batch counted, but where a profiler of ours would see it."""
    controller = control.controller
    block = control.WARMUP if controller is None else controller.block
    if batch is not None and (in_worker or block in control.UNPROFILED):
        useful.note_padding(batch, now, in_worker, block != control.WARMUP)


def wrap_fetcher_init(original: Call) -> Call:
    """Return a fetcher's `__init__` that puts a time mark between fetching and collating."""

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        iterable = type(self).__name__ != "_MapDatasetFetcher"
        self._throughput_one_by_one = are_one_by_one(self.dataset, self.auto_collation, iterable)
        collate = self.collate_fn

        @functools.wraps(collate)
        def collate_fn(data: Any) -> Any:
            _worker["fetched"] = time.monotonic_ns()
            return collate(data)

        self.collate_fn = collate_fn

    return __init__


def forget() -> None:
    """Start anew in a forked process: the descriptor reads the parent's thread."""
    _worker.update(batch=-1, fd=None, fetched=-1, counter=None, unwritten=False, fetches=0)
    useful.forget()
