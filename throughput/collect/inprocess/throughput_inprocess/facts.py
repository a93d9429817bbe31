"""Note what torch and Python say of themselves at the end: versions, flags, seeds, optimizers, compiling."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time

from . import compiles
from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .steps import StepFinder


known_optimizers: dict[int, dict[str, Any]] = {}
MODULES_MAX = 3_000
_LIBRARIES = ("site-packages", "dist-packages", "throughput_inprocess", os.path.dirname(os.__file__) + os.sep)
_noted: list[bool] = []


def note(finder: StepFinder) -> None:
    """Write one `facts` line; each part is left out where it can't be read."""
    found = {
        "pid": os.getpid(),
        "t": time.monotonic_ns(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "max_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    torch = sys.modules.get("torch")
    parts = (_torch, _seeds, lambda loaded: _optimizers(loaded, finder), _compile)
    for part in parts:
        try:
            found.update(part(torch))
        except Exception as error:
            recorder.note("note", text=f"facts: {part.__name__} not read: {error!r}")
    try:
        note_modules()
    except Exception as error:
        recorder.note("note", text=f"facts: modules not read: {error!r}")
    found["step_rule"] = finder.describe()
    recorder.note("facts", **found)


def note_modules() -> None:
    """Write one `modules` line, once: the files of what was imported, libraries left out."""
    if _noted:
        return
    _noted.append(True)
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    own = sorted(
        os.path.abspath(file)
        for file in files
        if isinstance(file, str) and not any(part in file for part in _LIBRARIES)
    )
    recorder.note("modules", files=own[:MODULES_MAX], pid=os.getpid())


def _torch(torch: Any) -> dict[str, Any]:
    if torch is None:
        return {}
    has_device = torch.cuda.is_available() and torch.cuda.is_initialized()
    return {
        "torch_version": torch.__version__,
        "cuda_version": torch.version.cuda,
        "cuda_available": torch.cuda.is_available(),
        "device_used": has_device,
        "device_name": torch.cuda.get_device_name() if has_device else None,
        "num_threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "anomaly_mode": torch.is_anomaly_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "default_dtype": str(torch.get_default_dtype()),
    }


def _seeds(torch: Any) -> dict[str, Any]:
    seeds = {"PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED")}
    if torch is not None:
        seeds["torch"] = torch.initial_seed()
    return {"seeds": seeds}


def know_optimizer(optimizer: Any) -> None:
    """Keep what an optimizer says of itself at its first step: when the script is stopped it is gone."""
    groups = getattr(optimizer, "param_groups", None) or [{}]
    known_optimizers[id(optimizer)] = {
        "class": type(optimizer).__name__,
        "foreach": groups[0].get("foreach"),
        "fused": groups[0].get("fused"),
        "params": sum(len(group.get("params", ())) for group in groups),
    }


def _optimizers(_torch: Any, finder: StepFinder) -> dict[str, Any]:
    fires = finder.fires
    rows = [{**row, "steps": fires[key]} for key, row in known_optimizers.items() if key in fires]
    return {"optimizers": rows}


def _compile(torch: Any) -> dict[str, Any]:
    found = compiles.counters()
    return {"compile": found} if found else {}
