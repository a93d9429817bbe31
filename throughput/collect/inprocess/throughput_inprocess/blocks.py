"""Switch the heavy collectors on and off: torch.profiler and cProfile, one block of steps each at the end."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_state: dict[str, Any] = {"torch": None, "cprofile": None, "begun": 0}


def _activities() -> list[Any]:
    from torch.profiler import ProfilerActivity

    torch = sys.modules["torch"]
    chosen = [ProfilerActivity.CPU]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        chosen.append(ProfilerActivity.CUDA)
    return chosen


def warm_torch() -> None:
    """Start and stop torch.profiler once: its first start in a process is slow."""
    try:
        from torch.profiler import profile

        profiler = profile(activities=_activities())
        profiler.start()
        profiler.stop()
    except Exception as error:
        recorder.note("collector", name="torch", state="failed", reason=repr(error))


def begin_torch() -> None:
    """Begin the torch block."""
    try:
        from torch.profiler import profile

        _state["torch"] = profile(activities=_activities())
        _anchor("torch_start")
        _state["torch"].start()
    except Exception as error:
        _state["torch"] = None
        recorder.note("collector", name="torch", state="failed", reason=repr(error))


def _anchor(name: str) -> None:
    recorder.note("anchor", name=name, monotonic=time.monotonic_ns(), wall=time.time_ns())


def end_torch() -> None:
    """End the torch block and write `torch-trace.json.gz`."""
    profiler, _state["torch"] = _state["torch"], None
    if profiler is None or recorder.folder is None:
        return
    try:
        profiler.stop()
        _anchor("torch_stop")
        profiler.export_chrome_trace(os.path.join(recorder.folder, "torch-trace.json.gz"))
    except Exception as error:
        recorder.note("collector", name="torch", state="failed", reason=repr(error))


class CallCounter:
    """A cProfile whose statistics become JSON rows: [file, line, function, calls, self ns, total ns]."""

    def __init__(self) -> None:
        import cProfile

        self.profile = cProfile.Profile()

    def rows(self) -> list[list[Any]]:
        """Return the rows so far; builtins have file "~"."""
        rows = []
        for entry in self.profile.getstats():
            code = entry.code
            calls, own, total = entry.callcount, int(entry.inlinetime * 1e9), int(entry.totaltime * 1e9)
            if isinstance(code, str):
                rows.append(["~", 0, code, calls, own, total])
            else:
                name = getattr(code, "co_qualname", code.co_name)
                rows.append([code.co_filename, code.co_firstlineno, name, calls, own, total])
        return rows


def write_calls(rows: list[list[Any]], role: str) -> None:
    """Write `calls-<pid>-<thread>.json`, whole or not at all."""
    if recorder.folder is None or not rows:
        return
    name = f"calls-{os.getpid()}-{threading.get_ident()}.json"
    path = os.path.join(recorder.folder, name)
    try:
        with open(path + ".part", "w", encoding="utf-8", errors="replace") as file:
            json.dump({"pid": os.getpid(), "role": role, "rows": rows}, file)
        os.replace(path + ".part", path)
    except OSError:
        pass


def begin_cprofile() -> None:
    """Begin the cProfile block in this thread, unless the script profiles itself."""
    try:
        counter = CallCounter()
        counter.profile.enable()
        _state["cprofile"] = counter
    except ValueError as error:
        recorder.note("collector", name="cprofile", state="unavailable", reason=str(error))


def end_cprofile() -> None:
    """End the cProfile block and write its calls."""
    counter, _state["cprofile"] = _state["cprofile"], None
    if counter is None:
        return
    counter.profile.disable()
    write_calls(counter.rows(), "training")


def abandon() -> None:
    """End whatever is on, keeping what it saw."""
    end_torch()
    end_cprofile()
