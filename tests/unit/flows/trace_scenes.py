"""Make traces of a training that never was, in torch.profiler's form: what holds of them is known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from throughput.model.run import CollectorStatus, Run, Window

HOST, MAIN, BACKWARD = 4242, 4242, 4300
LOADER = "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__"
Event = dict[str, Any]


def a_run(steps: int = 1) -> Run:
    """Return a run for reports that need one."""
    return Run(
        run_id="trace",
        tool_version="0",
        command=("throughput", "analyze", "trace.json"),
        script=None,
        script_dir="",
        cwd=".",
        started_at="2026-01-01T00:00:00+00:00",
        window=Window(asked=steps, kept=steps, clean=steps),
        collectors=(CollectorStatus(name="torch", state="ok"),),
    )


def host(cat: str, name: str, ts: float, dur: float, tid: int = MAIN, **args: Any) -> Event:
    return {"ph": "X", "cat": cat, "name": name, "pid": HOST, "tid": tid, "ts": ts, "dur": dur, "args": args}


def on_device(cat: str, name: str, ts: float, dur: float, **args: Any) -> Event:
    device = args.setdefault("device", 0)
    stream = args.setdefault("stream", 7)
    return {
        "ph": "X",
        "cat": cat,
        "name": name,
        "pid": device,
        "tid": stream,
        "ts": ts,
        "dur": dur,
        "args": args,
    }


def launched(
    number: int, at: float, begins: float, lasts: float, name: str = "ampere_sgemm_64x64", **args: Any
) -> list[Event]:
    """Return a call of the runtime and the kernel that it begins."""
    return [
        host("cuda_runtime", "cudaLaunchKernel", at, 5, correlation=number),
        on_device("kernel", name, begins, lasts, correlation=number, **args),
    ]


def training(steps: int = 4, loading: float = 300, late: float = 0, device: int = 0) -> list[Event]:
    """Return steps of 1,000 us: loading, a copy of 50 us, a kernel of 300, a collective until 950, idle.

    The kernel begins `late` us later on a rank that is late; the collective ends at 950 on all.
    """
    events: list[Event] = []
    for step in range(steps):
        at, number = 1_000_000.0 + 1_000 * step, 10 * step
        begins = at + loading + 70 + late
        events += [
            host("user_annotation", f"ProfilerStep#{step}", at, 1_000),
            host("user_annotation", LOADER, at, loading),
            host("cpu_op", "aten::to", at + loading, 30),
            host("cuda_runtime", "cudaMemcpyAsync", at + loading + 5, 20, correlation=number + 1),
            on_device("gpu_memcpy", "Memcpy HtoD (Pinned -> Device)", at + loading + 10, 50, device=device,
                      correlation=number + 1, bytes=1_000_000),
            host("cpu_op", "aten::linear", at + loading + 40 + late, 30),
            *launched(number + 2, at + loading + 45 + late, begins, 300, device=device),
            *launched(number + 3, at + loading + 60 + late, begins + 300, 950 - loading - 370 - late,
                      "ncclDevKernel_AllReduce_Sum_f16_RING_LL", device=device, stream=20),
        ]  # fmt: skip
    return events


def written(path: Path, events: list[Event], **head: Any) -> Path:
    """Write a trace as torch writes it: a head, the events, a tail."""
    whole = {"schemaVersion": 1, **head, "traceEvents": events, "traceName": "trace.json"}
    data = json.dumps(whole, indent=1).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
