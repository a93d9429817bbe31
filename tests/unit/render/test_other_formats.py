"""Files for speedscope, Perfetto, and pstats."""

from __future__ import annotations

import json
import pstats
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.render import timelines as t
from throughput.model.timeline import ALREADY_RUNNING, Call, Samples, Timeline
from throughput.render.perfetto import perfetto_json
from throughput.render.pstats_file import ROOT, pstats_bytes
from throughput.render.speedscope import speedscope_json

ROUND = ("numpy/_core/fromnumeric.py", 3713, "round")
TRAIN = ("train.py", 3, "train")


@st.composite
def sampled(draw: st.DrawFn) -> Timeline:
    """Draw a timeline with any stretches: unordered, overlapping, of tracks and stacks that may be absent."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 3), st.integers(0, 500), st.integers(0, 50), st.integers(-1, 5)),
            max_size=30,
        )
    )
    track, start, length, stack = (np.array([row[i] for row in rows], dtype=np.int64) for i in range(4))
    return t.timeline(
        samples=Samples(
            track=track, start_ns=start + t.BEGIN, end_ns=start + length + t.BEGIN, stack=stack, count=stack
        )
    )


def test_speedscope_has_a_profile_a_thread() -> None:
    whole = json.loads(speedscope_json(t.timeline(), name="train.py"))
    assert whole["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert [p["name"] for p in whole["profiles"]][:2] == [
        "Training thread: MainThread",
        "DataLoader worker 0: MainThread",
    ]
    first = whole["profiles"][0]
    assert first["samples"] == [[0], [0, 1]]
    assert first["weights"] == [10 * t.MS, 30 * t.MS]
    assert whole["shared"]["frames"][2] == {
        "name": "round",
        "file": "numpy/_core/fromnumeric.py",
        "line": 3713,
    }


def test_time_in_which_a_thread_was_not_seen_stays_to_scale() -> None:
    made = t.timeline(
        samples=Samples(
            track=t.column(0, 0),
            start_ns=t.column(0, 50),
            end_ns=t.column(10, 60),
            stack=t.column(0, 1),
            count=t.column(1, 1),
        )
    )
    profile = json.loads(speedscope_json(made))["profiles"][0]
    assert profile["samples"] == [[0], [], [0, 1]]
    assert profile["weights"] == [10, 40, 10]


@given(sampled())
def test_any_samples_make_a_speedscope_file_that_adds_up(made: Timeline) -> None:
    whole = json.loads(speedscope_json(made))
    for profile in whole["profiles"]:
        assert profile["type"] == "sampled"
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(weight > 0 for weight in profile["weights"])
        assert sum(profile["weights"]) == profile["endValue"] - profile["startValue"]
        assert all(0 <= i < len(whole["shared"]["frames"]) for stack in profile["samples"] for i in stack)


def slices(whole: dict[str, Any]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    rows: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for event in whole["traceEvents"]:
        if event["ph"] == "X":
            rows.setdefault((event["pid"], event["tid"]), []).append(event)
    return rows


def nest(row: list[dict[str, Any]]) -> None:
    """Check that slices of a row lie inside one another or apart, as Perfetto wants them."""
    ends: list[float] = []
    for event in sorted(row, key=lambda e: (e["ts"], -e["dur"])):
        while ends and ends[-1] <= event["ts"] + 1e-6:
            ends.pop()
        assert not ends or event["ts"] + event["dur"] <= ends[-1] + 1e-6
        ends.append(event["ts"] + event["dur"])


def test_perfetto_has_steps_phases_stacks_batches_and_locks() -> None:
    whole = json.loads(perfetto_json(t.timeline()))
    names = {event["args"]["name"] for event in whole["traceEvents"] if event["ph"] == "M"}
    assert {
        "training process, rank 0",
        "Steps",
        "Phases of the training thread",
        "Batches, worker 1",
    } <= names
    found = [event["name"] for row in slices(whole).values() for event in row]
    assert {
        "step 20",
        "loader",
        "optimizer",
        "Elastic.__call__",
        "batch 0",
        "fetch",
        "Lock self._lock",
    } <= set(found)
    assert found.count("main") == 3  # one slice over two neighbouring samples, one each for the workers
    step = next(e for row in slices(whole).values() for e in row if e["name"] == "step 20")
    assert (step["ts"], step["dur"], step["args"]["samples"]) == (2_000_000, 300_000, 64)
    counters = {event["name"] for event in whole["traceEvents"] if event["ph"] == "C"}
    assert "machine_cpu_share" in counters


@given(sampled())
def test_any_samples_make_a_trace_whose_slices_nest(made: Timeline) -> None:
    for (_, tid), row in slices(json.loads(perfetto_json(made))).items():
        if tid < 1_000_000 and tid > 0:
            nest(row)


def test_a_trace_of_nothing_is_a_trace() -> None:
    empty = Timeline(rank=0, steps=(), tracks=())
    assert json.loads(perfetto_json(empty))["traceEvents"]
    assert json.loads(speedscope_json(empty))["profiles"] == []


def pstats_of(tmp_path: Path, data: bytes) -> Any:
    path = tmp_path / "profile.pstats"
    path.write_bytes(data)
    return pstats.Stats(str(path)).stats  # type: ignore[attr-defined]


def test_pstats_reads_what_was_counted(tmp_path: Path) -> None:
    stats = pstats_of(tmp_path, pstats_bytes(t.calls()))
    calls, all_calls, own, total, _ = stats[ROUND]
    assert (calls, all_calls) == (650, 650)
    assert (own, total) == (pytest.approx(0.010), pytest.approx(0.014))
    assert stats[TRAIN][3] == pytest.approx(0.9)


def test_pstats_has_who_called_whom_and_one_root(tmp_path: Path) -> None:
    known, running = (TRAIN[0], TRAIN[1], TRAIN[2]), ALREADY_RUNNING
    train = Call(function="train", file="train.py", line=3, calls=1, self_ns=t.MS, total_ns=900 * t.MS,
                 role="training", callers=((*running, 1, t.MS, 900 * t.MS),))  # fmt: skip
    rounds = Call(function="round", file=ROUND[0], line=ROUND[1], calls=10, self_ns=t.MS, total_ns=2 * t.MS,
                  role="training", callers=((*known, 10, t.MS, 2 * t.MS),))  # fmt: skip
    worker = Call(function="round", file=ROUND[0], line=ROUND[1], calls=640, self_ns=9 * t.MS,
                  total_ns=12 * t.MS, role="worker",
                  callers=((*running, 640, 9 * t.MS, 12 * t.MS),))  # fmt: skip
    stats = pstats_of(tmp_path, pstats_bytes((train, rounds, worker)))
    thread, workers = ("~", 0, "<training thread>"), ("~", 0, "<DataLoader workers>")
    assert stats[ROUND][4] == {
        TRAIN: (10, 10, pytest.approx(0.001), pytest.approx(0.002)),
        workers: (640, 640, pytest.approx(0.009), pytest.approx(0.012)),
    }
    assert list(stats[TRAIN][4]) == [thread]
    roots = [key for key, row in stats.items() if not row[4]]
    assert roots == [ROOT]
    assert stats[ROOT][3] == pytest.approx(stats[thread][3] + stats[workers][3]) == pytest.approx(0.912)


def test_pstats_of_one_role(tmp_path: Path) -> None:
    path = tmp_path / "worker.pstats"
    path.write_bytes(pstats_bytes(t.calls(), role="worker"))
    stats: Any = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    assert list(stats) == [ROUND]
    assert stats[ROUND][0] == 640
