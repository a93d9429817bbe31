"""Map a function over trace files: here, in processes of this machine, or on a Dask cluster that exists."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from throughput.errors import ThroughputError, UsageError, said
from throughput.flows.far_files import is_far

Answer = TypeVar("Answer")

DASK = re.compile(r"dask://(?P<address>[^/\s]+:\d+)/?")
PROCESSES_MAX = 8
"""Each holds up to 400 MB for a trace of a gigabyte, and more readers wait for one disk."""
WORTH_BYTES = 4_000_000
"""Of files: fewer are read before other processes have started, which takes half a second of a CPU each."""
FAR_BYTES = 4_000_000
"""Counted for a file elsewhere: the network is waited for, so several at once are worth it."""
OF_ONE_PROCESS = ("memory://",)
"""Files that other processes can't see."""
CONNECT_S = 10
SAME = "Install the same throughput on the scheduler and its workers, and let them see the files as named."


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Who reads: a Dask scheduler (its address), or so many processes here, None for what it is worth."""

    processes: int | None = None
    dask: str | None = None


HERE = Engine(processes=1)


def engine_named(text: str | None, processes: int | None) -> Engine:
    """Return the engine that `--engine` and `--processes` ask for.

    Raises:
        UsageError: there is no such engine, or it has its own processes.
    """
    if text is None:
        return Engine(processes=processes)
    match = DASK.fullmatch(text)
    if match is None:
        raise UsageError(f"There is no engine {text}.", hint="Write it as dask://host:port.")
    if processes is not None:
        raise UsageError(
            "--processes is of this machine.", hint="Leave it out with --engine: the cluster has its own."
        )
    return Engine(dask=match["address"])


def answers(
    engine: Engine, function: Callable[[str], Answer], sources: Sequence[str]
) -> Generator[tuple[int, Answer], None, None]:
    """Yield the number of each source with what the function returns for it, as they are done.

    Close it (`contextlib.closing`) to leave no process and no task behind, also after Ctrl-C.

    Raises:
        UsageError: the engine can't be reached.
        ThroughputError: a process of it died.
    """
    if engine.dask is not None:
        yield from _on_dask(function, sources, engine.dask)
        return
    number = processes_for(engine, sources)
    if number > 1:
        yield from _in_processes(function, sources, number)
        return
    for place, source in enumerate(sources):
        yield place, function(source)


def processes_for(engine: Engine, sources: Sequence[str]) -> int:
    """Return how many processes read: what was asked for, else what CPUs and sizes are worth."""
    if any(source.startswith(OF_ONE_PROCESS) for source in sources):
        return 1
    if engine.processes is not None:
        return min(engine.processes, len(sources))
    total = sum(FAR_BYTES if is_far(source) else _size(source) for source in sources)
    return min(len(sources), _cpus(), PROCESSES_MAX) if total > WORTH_BYTES else 1


def _size(source: str) -> int:
    try:
        return Path(source).stat().st_size
    except OSError:
        return 0


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_processes(
    function: Callable[[str], Answer], sources: Sequence[str], number: int
) -> Iterator[tuple[int, Answer]]:
    """Yield answers from processes, each of which reads one source at a time."""
    others = set(multiprocessing.active_children())
    # Spawned, not forked: a fork would share what this process has read, and its threads' locks.
    pool = ProcessPoolExecutor(number, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        with _interrupts_held():
            places = {pool.submit(function, source): place for place, source in enumerate(sources)}
        for done in as_completed(list(places)):
            yield places.pop(done), done.result()
    except BrokenProcessPool:
        raise ThroughputError(
            "A process that read a trace was killed; its memory may not have sufficed.",
            hint="Read one at a time: --processes 1.",
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        _end(set(multiprocessing.active_children()) - others)


def _end(processes: set[BaseProcess]) -> None:
    """End processes, and wait until they are gone."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C; processes that are started meanwhile never get it, and leave it to their parent."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """End this process when its parent ends, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _on_dask(
    function: Callable[[str], Answer], sources: Sequence[str], address: str
) -> Iterator[tuple[int, Answer]]:
    """Yield answers from the workers of a Dask scheduler."""
    client = _client(address)
    with client:
        if not client.ncores():
            raise UsageError(
                f"The Dask scheduler at {address} has no workers.", hint="Start some: dask worker."
            )
        places = {client.submit(function, _absolute(one), pure=False): n for n, one in enumerate(sources)}
        try:
            yield from _as_done(client, places)
        except ThroughputError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a worker could raise arrives here
            raise ThroughputError(
                f"The Dask cluster at {address} failed: {said(error)}.", hint=SAME
            ) from None
        finally:
            client.cancel(list(places))


def _as_done(client: Any, places: dict[Any, int]) -> Iterator[tuple[int, Any]]:
    """Yield answers as they arrive; each is given up on the cluster then."""
    from distributed import as_completed as arriving

    with client.as_current():
        order = arriving(list(places))
    for done in order:
        yield places.pop(done), done.result()
        done.release()


def _client(address: str) -> Any:
    """Return a client of a scheduler.

    Raises:
        UsageError: Dask isn't installed, or nobody answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--engine dask:// needs Dask, which is not installed.", hint="pip install distributed"
        ) from None
    try:
        return Client(f"tcp://{address}", timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError):
        raise UsageError(
            f"No Dask scheduler answers at {address}.",
            hint="Start one (dask scheduler), and name its host:port.",
        ) from None


def _absolute(source: str) -> str:
    """Return a path that means the same in another process's folder."""
    return source if is_far(source) else str(Path(source).absolute())
