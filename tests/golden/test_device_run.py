"""A recorded run with device work put into its trace: clocks, steps, split, rules and report fit together."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.slim import RUNS, unpack
from throughput.collect.run_directory import RunDirectory
from throughput.flows.analyse import analyse
from throughput.model.category import Block, Category, Source, State
from throughput.model.report import Analysis


def on_device(cat: str, name: str, ts: float, dur: float, number: int) -> dict[str, Any]:
    args = {"device": 0, "correlation": number, "bytes": 1 << 20}
    return {"ph": "X", "cat": cat, "name": name, "pid": 0, "tid": 7, "ts": ts, "dur": dur, "args": args}


def with_device(folder: Path) -> Analysis:
    """Put a copy over the first tenth of every traced step, and a kernel over its middle half."""
    unpack(RUNS / "numpy-round", folder)
    timeline = analyse(RunDirectory(folder)).facts[0].timeline
    rank = folder / "raw" / "rank-0000"
    trace = json.loads(gzip.decompress((rank / "torch-trace.json.gz").read_bytes()))
    operators = [e for e in trace["traceEvents"] if e.get("cat") == "cpu_op"]
    began = min(e["ts"] for e in operators if e["tid"] == timeline.tracks[timeline.main_track].native_id)
    base = began - int(timeline.operators.start_ns[0]) / 1e3
    for number, step in enumerate(s for s in timeline.steps if s.block is Block.TORCH):
        at, lasts = base + step.start_ns / 1e3, step.duration_ns / 1e3
        trace["traceEvents"] += [
            on_device("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", at, lasts / 10, number),
            on_device("kernel", "ampere_sgemm_128x64_nn", at + lasts / 4, lasts / 2, 1000 + number),
        ]
    (rank / "torch-trace.json.gz").write_bytes(gzip.compress(json.dumps(trace).encode()))
    for notes in rank.glob("notes-*.jsonl"):
        notes.write_text(notes.read_text().replace('"device_used":false', '"device_used":true'))
    return analyse(RunDirectory(folder))


def test_a_run_with_a_device(tmp_path: Path) -> None:
    analysis = with_device(tmp_path / "run")
    report = analysis.report
    rows = {row.category: row for row in report.split}
    steps = sum(s.block is Block.TORCH for s in analysis.facts[0].timeline.steps)
    device = analysis.facts[0].timeline.facts["device"]
    assert (device["steps"], device["kernels"]["count"], device["copies"][0]["count"]) == (steps,) * 3
    for category in (Category.COMPUTE, Category.HOST_TO_DEVICE, Category.OTHER_MEMORY):
        assert (rows[category].source, rows[category].state) == (Source.DEVICE, State.MEASURED)
    # The traced steps' proportions hold inside each phase; phases weigh otherwise in the clean steps.
    assert rows[Category.HOST_TO_DEVICE].share == pytest.approx(0.1, abs=0.05)
    assert rows[Category.COMPUTE].share == pytest.approx(0.5, abs=0.12)
    assert rows[Category.OTHER_MEMORY].share == 0
    assert sum(row.share or 0 for row in report.split) == pytest.approx(1, abs=1e-6)
    answers = {answer.rule: answer for answer in report.rules}
    assert answers["unpinned-copy"].state == "fired", answers["unpinned-copy"]
