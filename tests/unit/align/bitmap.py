"""What a trace's devices did, worked out another way: a cell for each microsecond, painted in order of claim.

Shares nothing with the package but its figures: the file is read whole with json, events are told apart here.
"""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LAYERS = ("compute", "communication", "host_to_device", "other_memory", "data_loading", "rest")
TALKS = re.compile(r"nccl|rccl|dpsk::ep|all_?reduce|all_?gather|reduce_?scatter", re.IGNORECASE)


@dataclass
class Painted:
    """Shares of the steps' wall time of one device, in %: exposed by layer, and busy."""

    exposed: dict[str, float]
    kernels: float
    busy: float
    loading: float


def events_of(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", "replace")
    whole = json.loads(text, strict=False)
    return [e for e in (whole["traceEvents"] if isinstance(whole, dict) else whole) if e.get("ph") == "X"]


def layer_of(event: dict[str, Any]) -> str | None:
    category, name = str(event.get("cat")).lower(), str(event.get("name"))
    if category == "kernel":
        return "communication" if TALKS.search(name) else "compute"
    if category in ("gpu_memcpy", "memcpy"):
        return "host_to_device" if "HtoD" in name or "HostToDevice" in name else "other_memory"
    return "other_memory" if category in ("gpu_memset", "memset") else None


def device_of(event: dict[str, Any]) -> int:
    device = (event.get("args") or {}).get("device", event.get("pid"))
    return int(device) if isinstance(device, int) else 0


def paint(events: list[dict[str, Any]], device: int) -> Painted:
    marks = [
        e
        for e in events
        if re.match(r"ProfilerStep#\d+$", str(e["name"]))
        and str(e.get("cat")) in ("user_annotation", "Operator", "cpu_op")
    ]
    start = min(int(e["ts"]) for e in marks)
    cells = max(round(e["ts"] + e["dur"]) for e in marks) - start
    in_step = np.zeros(cells, dtype=bool)
    for e in marks:
        in_step[round(e["ts"] - start) : round(e["ts"] + e["dur"] - start)] = True
    thread = marks[0]["tid"]
    on = {layer: np.zeros(cells, dtype=bool) for layer in LAYERS}
    for e in events:
        layer = layer_of(e)
        if layer is not None and device_of(e) != device:
            continue
        if str(e["name"]).startswith("enumerate(DataLoader)#") and str(e["tid"]) == str(thread):
            layer = "data_loading"
        if layer is not None and "dur" in e:
            a, b = (min(cells, max(0, round(t - start))) for t in (e["ts"], e["ts"] + e["dur"]))
            on[layer][a:b] = True
    total = in_step.sum()
    free, exposed = in_step.copy(), {}
    for layer in LAYERS[:-1]:
        exposed[layer] = float(100 * (free & on[layer]).sum() / total)
        free &= ~on[layer]
    exposed["rest"] = float(100 * free.sum() / total)
    kernels = on["compute"] | on["communication"]
    ran = kernels | on["host_to_device"] | on["other_memory"]
    share = lambda cells_: float(100 * (cells_ & in_step).sum() / total)  # noqa: E731
    return Painted(
        exposed=exposed, kernels=share(kernels), busy=share(ran), loading=share(on["data_loading"])
    )
