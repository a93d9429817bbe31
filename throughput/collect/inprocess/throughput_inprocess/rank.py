"""Claim the rank's folder when a process first shows that it trains."""

from __future__ import annotations

import atexit
import os
import socket
import sys
import time

from . import spans
from .live import page
from .recorder import recorder

PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616D61, -1
FOLDER = "THROUGHPUT_RANK_FOLDER"


def _own_rank() -> int | None:
    """Return this process's rank where a launcher or torch.distributed says it, else None."""
    distributed = sys.modules.get("torch.distributed")
    try:
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            return int(distributed.get_rank())
    except Exception:
        return None
    for name in ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return None


def _make(raw: str, number: int) -> str | None:
    folder = os.path.join(raw, f"rank-{number:04d}")
    try:
        os.mkdir(folder)
    except OSError:
        return None
    return folder


def allow_tracing() -> None:
    """Let py-spy, which is no ancestor of ours, read this process where Yama would only let ancestors.

    Where there is no Yama the request fails, and nothing is lost.
    """
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
    except (OSError, AttributeError, ImportError):
        pass


def _main_file() -> str | None:
    """Return the file of the script or module that Python was started with."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.realpath(file) if file else None


def claim() -> None:
    """Open the raw files of this rank, once; workers started from now on write beside them."""
    if recorder.folder is not None:
        return
    raw = os.environ["THROUGHPUT_RAW"]
    rank = _own_rank()
    folder = _make(raw, rank) if rank is not None else None
    number = rank if rank is not None and folder is not None else 0
    while folder is None and number < 10_000:
        folder = _make(raw, number)
        number += folder is None
    if folder is None:
        return
    recorder.open(folder)
    page.open(folder)
    os.environ[FOLDER] = folder
    allow_tracing()
    recorder.note(
        "training",
        pid=os.getpid(),
        rank=number,
        host=socket.gethostname(),
        argv=sys.argv,
        main=_main_file(),
        began=_began_ns(),
    )
    recorder.flush()  # what was timed until now is safe, however the process ends
    atexit.register(_note_exit)


def _began_ns() -> int | None:
    """Return when this process began, monotonic ns: /proc has it to a hundredth of a second."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        asleep = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
        return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK") - asleep
    except (OSError, IndexError, ValueError, AttributeError):
        return None


def _note_exit() -> None:
    """Note that the script's own code is done; what was registered later was called before."""
    if page.get("pid") == os.getpid():
        spans.end_evaluation()
        recorder.note("exit", t=time.monotonic_ns())


def join() -> None:
    """Write into the folder of the training process that started this one, where there is one."""
    folder = os.environ.get(FOLDER)
    if folder and recorder.folder is None and os.path.isdir(folder):
        recorder.open(folder)
        page.open(folder)
        allow_tracing()
