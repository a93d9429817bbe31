"""Lanes and charts: the right lengths at the right places."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.render import timelines as t
from throughput.model.category import Block
from throughput.model.timeline import Counter, DeviceWork, Samples, Stacks, Track
from throughput.render.html.charts import charts
from throughput.render.html.lanes import lanes, straggler_lanes
from throughput.render.html.svg import area, boxes, line


def spans(path: str) -> list[tuple[float, float]]:
    return [(float(a), float(w)) for a, w in re.findall(r"M([\d.]+) 0h([\d.]+)", path)]


def test_lanes_show_the_phases_to_scale() -> None:
    typical = lanes(t.analysis().facts[0])[0]
    training, zero, one = typical.lanes
    assert typical.title.replace("\u00a0", " ") == "A typical step: step 22, 100 ms"
    assert [lane.label for lane in typical.lanes] == ["Training thread", "Worker 0", "Worker 1"]
    paths = dict(training.paths)
    assert spans(paths["data"]) == [(0.0, 500.0)]
    assert spans(paths["rest"]) == [(500.0, 200.0)]
    assert spans(paths["gpu"]) == [(700.0, 300.0)]
    assert spans(dict(zero.paths)["data"]) == [(0.0, 450.0)]
    assert spans(dict(one.paths)["data"]) == [(600.0, 400.0)]
    assert training.words.replace("\u00a0", " ").startswith(
        "forward and other code 20.0 ms, loading data 50.0 ms"
    )


def test_a_workers_lock_wait_is_drawn_over_its_batch() -> None:
    slowest = lanes(t.analysis().facts[0])[1]
    keys = [key for key, _ in slowest.lanes[1].paths]
    assert keys == ["data", "lock"]
    assert spans(dict(slowest.lanes[1].paths)["lock"]) == [(333.3, 400.0)]


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1000)).map(sorted), max_size=50))
def test_boxes_cover_what_they_are_given_and_nothing_twice(pairs: list[list[float]]) -> None:
    found = spans(boxes([(a, z) for a, z in pairs]))
    for begin, end in pairs:
        assert any(a <= begin + 0.06 and a + w >= end - 0.11 for a, w in found)
    edges = sorted(found)
    assert all(a < b for (a, _), (b, _) in pairwise(edges))


def test_lines_and_areas() -> None:
    assert line([(0, 1), (2, 3.25)]) == "M0 1L2 3.2"
    assert line([(5, 1)]) == "M4 1L6 1"
    assert area([(0, 1), (2, 3)], 10) == "M0 1L2 3L2 10L0 10Z"
    assert area([(0, 1)], 10) == ""


def test_charts_are_chosen_and_ordered() -> None:
    titles = [chart.title for chart in charts(t.timeline(), 9)]
    assert titles == [
        "GPU 0 utilization (NVML)",
        "CPU, whole machine",
        "CPUs used by this run",
        "Memory, training process",
        "Disk read, whole machine",
    ]
    assert len(charts(t.timeline(), 2)) == 2
    assert charts(t.timeline(counters=()), 9) == ()


def test_a_hole_is_a_gap() -> None:
    made = {chart.title: chart for chart in charts(t.timeline(), 9)}
    assert made["CPUs used by this run"].lines.count("M") == 2
    assert made["CPUs used by this run"].gaps == "gaps: not measured"
    assert made["CPU, whole machine"].lines.count("M") == 1
    assert made["CPU, whole machine"].gaps == ""


def test_units_of_rates_and_sizes() -> None:
    made = {chart.title: chart.stat.replace("\u00a0", " ") for chart in charts(t.timeline(), 9)}
    assert made["Disk read, whole machine"].endswith("MB/s")
    assert made["Memory, training process"].endswith("GB")
    assert made["CPU, whole machine"].endswith("peak 90 %")


@given(st.lists(st.floats(-1e15, 1e15) | st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=40))
def test_any_reading_makes_a_chart_within_its_frame(values: list[float]) -> None:
    times = np.arange(len(values), dtype=np.int64) * t.MS + t.BEGIN
    counter = Counter(name="tree_cpus", unit="count", time_ns=times, value=np.array(values))
    for chart in charts(t.timeline(counters=(counter,)), 9):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", chart.lines + chart.areas)]
        assert all(-1 <= n <= 601 for n in numbers)
        assert "nan" not in chart.lines


def test_a_step_under_the_profiler_shows_what_each_gpu_did() -> None:
    made = t.timeline()
    step = next(step for step in made.steps if step.index == 30)
    half = step.start_ns + step.duration_ns // 2
    work = DeviceWork(
        device=t.column(0, 0, 1),
        kind=t.column(0, 2, 0),
        start_ns=t.column(step.start_ns, half, half),
        end_ns=t.column(half, step.end_ns, step.end_ns),
    )
    steps = tuple(replace(s, block=Block.TORCH) if s.index == 30 else s for s in made.steps)
    traced = lanes(t.analysis(steps=steps, device_work=work).facts[0])[-1]
    assert traced.title.startswith("A step under torch.profiler: step 30")
    assert [lane.label for lane in traced.lanes][-2:] == ["GPU 0", "GPU 1"]
    assert traced.lanes[-2].words == "copying to it 50.0\u00a0ms, computing 50.0\u00a0ms"
    assert spans(dict(traced.lanes[-1].paths)["gpu"]) == [(500.0, 500.0)]


PIN = "torch/utils/data/_utils/pin_memory.py"


def test_a_pin_thread_has_a_lane_of_what_it_pinned_and_received() -> None:
    made = t.timeline()
    step = next(step for step in made.steps if step.index == 22)
    tenth = step.duration_ns // 10
    frames = (
        t.frame("_pin_memory_loop", PIN, 32, own=False),
        t.frame("pin_memory", PIN, 60, own=False),
        t.frame("get", "multiprocessing/queues.py", 100, own=False),
        t.frame("rebuild_storage_fd", "torch/multiprocessing/reductions.py", 500, own=False),
    )
    pin = Track(pid=100, tid=9, native_id=109, name="Thread-1", role="pin", rank=0)
    number = len(made.tracks)
    samples = Samples(
        track=t.column(*[number] * 3, 0),
        start_ns=step.start_ns + tenth * t.column(0, 4, 6, 0),
        end_ns=step.start_ns + tenth * t.column(4, 6, 10, 10),
        stack=t.column(1, 2, 0, 0),
        count=t.column(1, 1, 1, 1),
        phase=t.column(-1, -1, -1, 0),
    )
    stacks = Stacks(frames=frames, stacks=((0, 2), (0, 1), (0, 2, 3)))
    changes = {"tracks": (*made.tracks, pin), "samples": samples, "stacks": stacks}
    typical, slowest, *_ = lanes(t.analysis(**changes).facts[0])
    lane = next(lane for lane in typical.lanes if lane.label == "Pin thread")
    paths = dict(lane.paths)
    assert spans(paths["h2d"]) == [(0.0, 400.0)]
    assert spans(paths["data"]) == [(400.0, 200.0)]
    assert lane.words == "receiving batches 20.0\u00a0ms, copying to pinned memory 40.0\u00a0ms"
    assert "Pin thread" not in [lane.label for lane in slowest.lanes]  # none of its stacks was seen there


def test_the_rank_that_others_wait_for_stands_above_another_on_one_scale() -> None:
    late = t.analysis(rank=3).facts[0]
    quick = t.timeline(rank=0)
    halved = tuple(replace(s, end_ns=s.start_ns + s.duration_ns // 2) for s in quick.steps)
    other = replace(late, timeline=replace(quick, steps=halved))
    found = straggler_lanes((other, late), (3,))
    assert found is not None
    assert found.title.startswith("Rank 3, which comes last, and rank 0 in step ")
    assert [lane.label for lane in found.lanes] == ["Rank 3: Training thread", "Rank 0: Training thread"]
    assert spans(dict(found.lanes[0].paths)["data"]) == [(0.0, 500.0)]
    assert sum(width for _, path in found.lanes[0].paths for _, width in spans(path)) == 1000
    assert sum(width for _, path in found.lanes[1].paths for _, width in spans(path)) == 500


def test_without_a_late_rank_there_is_no_picture_of_one() -> None:
    facts = t.analysis().facts
    assert straggler_lanes(facts, ()) is None
    assert straggler_lanes(facts, (0,)) is None
    assert straggler_lanes((), (0,)) is None
