"""Collectives and their bytes, step by step, from libraries that say what they send and from others."""

from __future__ import annotations

from typing import Any

from tests.unit.align.test_device_trace import load, span
from throughput.align.amounts import placed_breaks
from throughput.align.collectives import collective_facts
from throughput.align.frames import FrameReader

EDGES = [0.0, 100.0, 200.0, 300.0]


def said(ts: float, name: str, number: Any, dtype: str = "Float") -> dict[str, Any]:
    arguments = {"Collective name": name, "In msg nelems": number, "dtype": dtype}
    return span("cpu_op", "record_param_comms", ts, 3, **arguments)


def rows(events: list[Any]) -> dict[str, tuple[float, float, float]]:
    found = collective_facts(load(events), EDGES)
    return {row["name"]: (row["total"], row["least"], row["most"]) for row in found}


def test_collectives_and_bytes_of_a_library_that_says_them() -> None:
    events = [said(step * 100 + 10.0, "allreduce", 1000) for step in range(3)]
    events += [said(step * 100 + 20.0, "wait", 0) for step in range(3)]
    events += [said(150.0, "allgather", 10, "BFloat16"), said(350.0, "allreduce", 5)]
    events += [span("cpu_op", "c10d::allreduce_", 9, 20)]  # around the first: the same collective
    assert rows(events) == {"collectives": (4, 1, 2), "collective bytes": (12_020, 4000, 4020)}


def test_collectives_of_a_library_that_says_nothing_are_counted_as_operators() -> None:
    events = [span("cpu_op", "c10d::allreduce_", step * 100 + 10, 5) for step in range(3)]
    events += [span("cpu_op", "record_param_comms", 12, 5), span("cpu_op", "aten::mm", 20, 5)]
    assert rows(events) == {"collectives": (3, 1, 1)}
    assert rows([span("cpu_op", "aten::mm", 20, 5)]) == {"collectives": (0, 0, 0)}


def test_sizes_that_nobody_knows_give_no_bytes() -> None:
    for number, dtype in ((10, "Odd"), ("10", "Float"), (None, "Float"), (-1, "Float"), (2**70, "Float")):
        assert rows([said(10, "allreduce", number, dtype), said(20, "allreduce", 1)]) == {
            "collectives": (2, 0, 2)
        }


def test_graph_breaks_stand_where_the_report_shows_their_files() -> None:
    breaks = [
        {"file": "/w/train.py", "line": 8, "function": "forward", "count": 2},
        {"file": "/x/throughput_inprocess/patches.py", "line": 1, "function": "timed", "count": 1},
        {"file": "/w/train.py", "line": 8, "function": "forward", "count": "odd"},
        "odd",
    ]
    found = placed_breaks({"graph_breaks": 2, "breaks": breaks}, FrameReader("/w"))
    assert found["breaks"] == [{"file": "train.py", "line": 8, "function": "forward", "count": 2}]
    assert found["graph_breaks"] == 2
    assert placed_breaks(None, FrameReader("/w")) is None
    assert placed_breaks({"graph_breaks": 1}, FrameReader("/w")) == {"graph_breaks": 1}
