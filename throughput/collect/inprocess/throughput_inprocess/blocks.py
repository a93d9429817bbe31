"""Switch the heavy collectors on and off: torch.profiler, cProfile, shapes; blocks of steps at the end."""

from __future__ import annotations

import os
import sys
import time

from . import amounts, calls, instructions, modules, tensors
from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .growth import Growth

_state: dict[str, Any] = {"torch": None, "shapes": None}


def _has_device() -> bool:
    """Return whether the script uses a device that the profiler can watch."""
    torch = sys.modules["torch"]
    return bool(torch.cuda.is_available() and torch.cuda.is_initialized())


def _activities() -> list[Any]:
    from torch.profiler import ProfilerActivity

    return [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if _has_device() else [])]


def wait_for_the_device() -> None:
    """Let a device finish what was queued: its time is of this side's turn, not of the other's."""
    torch = sys.modules.get("torch")
    try:
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.synchronize()
    except Exception:
        pass  # the script's own next call meets it


def warm_torch() -> None:
    """Start and stop torch.profiler once: its first start in a process is slow.

    Not yet in a process with a device: once the device's tracing library is loaded, launching kernels stays a
    fifth slower to the end (torch 2.11 on an H200: 11.8 to 14.4 ms a step), which no clean step may pay.
    """
    try:
        if not _has_device():
            _start_and_stop()
    except Exception as error:
        recorder.note("collector", name="torch", state="failed", reason=repr(error))


def _start_and_stop() -> None:
    from torch.profiler import profile

    profiler = profile(activities=_activities())
    profiler.start()
    profiler.stop()


def end_light(kept: int, growth: Growth, *, is_deep: bool) -> None:
    """Read what is to be known of the light steps at their end; called again, it does nothing."""
    instructions.end(kept)
    if growth.read_level(2) and is_deep:
        tensors.note()


def begin_torch() -> None:
    """Begin the torch block."""
    try:
        from torch.profiler import profile

        if _has_device():
            _start_and_stop()
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


def begin_shapes() -> None:
    """Begin the block in which operators are recorded with shapes, and calls of modules.

    It is none of torch's block: what it adds to each operator would count in the split.
    """
    try:
        from torch.profiler import profile

        profiler = profile(activities=_activities(), record_shapes=True)
        modules.watch(sys.modules["torch"])
        _anchor("shapes_start")
        profiler.start()
    except Exception as error:
        modules.leave()
        recorder.note("note", text=f"Shapes of operators were not recorded: {error!r}.")
        return
    _state["shapes"] = profiler


def end_shapes() -> None:
    """End the block of shapes and write `shapes-trace.json.gz`."""
    modules.leave()
    profiler, _state["shapes"] = _state["shapes"], None
    if profiler is None or recorder.folder is None:
        return
    try:
        profiler.stop()
        _anchor("shapes_stop")
        profiler.export_chrome_trace(os.path.join(recorder.folder, "shapes-trace.json.gz"))
    except Exception as error:
        recorder.note("note", text=f"Shapes of operators were not written: {error!r}.")


def begin_cprofile() -> None:
    """Begin the cProfile block, unless the script profiles itself."""
    amounts.begin()
    calls.begin()


def end_cprofile() -> None:
    """End the cProfile block and write its calls."""
    calls.end()
    amounts.end()


def abandon() -> None:
    """End whatever is on, keeping what it saw."""
    end_torch()
    end_cprofile()
    end_shapes()
