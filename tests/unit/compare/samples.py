"""Benchmarks, pairs and counts made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from throughput.compare.pairs import PairSample
from throughput.model.benchmark import Benchmark, ProcessSample, SavedCount, SavedSpot

MS = 1_000_000
EQUAL = {
    "cpu_model": "A CPU", "cpus": 2, "device": "cpu", "devices": None, "world_size": 1, "batch_size": 8.0,
    "dtype": "torch.float32", "python": "3.11", "torch": "2.13",
}  # fmt: skip


def process(mean_ms: float = 10.0, **categories_ms: float) -> ProcessSample:
    """Return a process whose steps take so long; what no category is given is compute."""
    rest = mean_ms - sum(categories_ms.values())
    parts = {name: round(ms * MS) for name, ms in {**categories_ms, "compute": rest}.items()}
    return ProcessSample(
        steps=150, mean_ns=round(mean_ms * MS), median_ns=round(mean_ms * MS), categories=parts,
        samples_per_s=8e3 / mean_ms, memory_peak_bytes=500_000_000, startup_ms=3000, first_batch_ms=20,
    )  # fmt: skip


def spot(name: str = "round_pixels", ms: float = 2.1, **changes: Any) -> SavedSpot:
    """Return a hotspot of data loading in the training process."""
    made = SavedSpot(
        name=name, file="augment.py", line=12, function=name, process="training process",
        category="data_loading", ns_per_step=round(ms * MS), half_ns=round(0.1 * MS),
        each_ns=(round(ms * MS),), calls_per_step=8.0,
    )  # fmt: skip
    return replace(made, **changes)


def count(name: str, per_step: float, **changes: Any) -> SavedCount:
    """Return an exact count of an operator."""
    return replace(SavedCount(kind="operator", name=name, per_step=per_step, exact=True), **changes)


def benchmark(name: str = "main", *means_ms: float, **changes: Any) -> Benchmark:
    """Return a benchmark of so many processes, five of 10 ms where none are named."""
    made = Benchmark(
        name=name,
        tool_version="0.1.0",
        saved_at="2026-11-21T19:05:00+00:00",
        command=("python", "train.py", "--epochs", "3"),
        script="train.py",
        options={"steps": 200, "warmup": "auto"},
        must_equal=dict(EQUAL),
        processes=tuple(process(ms, data_loading=4.0) for ms in means_ms or (10.0, 10.1, 9.9, 10.05, 9.95)),
        hotspots=(spot(),),
        counts=(count("aten::mm", 2.0),),
    )
    return replace(made, **changes)


def pair(change: float, *, loading: float | None = None, error: float = 0.01) -> PairSample:
    """Return a pair whose head takes so much longer, all of it in data loading unless said otherwise."""
    more = 10 * MS * change
    in_loading = more if loading is None else 10 * MS * loading
    return PairSample(
        log_ratio=math.log1p(change), error=error, base_ns=10.0 * MS, head_ns=10 * MS + more, turns=20,
        parts={"data_loading": (4.0 * MS, in_loading), "compute_and_host": (6.0 * MS, more - in_loading)},
        samples=(8.0, 8.0), memory=(5e8, 5e8),
    )  # fmt: skip
