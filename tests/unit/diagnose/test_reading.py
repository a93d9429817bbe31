"""What rules read from facts: counters, idle CPUs, own code, samples, trends, the device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from throughput.diagnose import costs, locking, reading, trends
from throughput.diagnose.device import read_device
from throughput.diagnose.engine import diagnose
from throughput.diagnose.examples import STEP_NS, batches, facts, loader, loading, lock, settings, spot
from throughput.diagnose.findings import MAKES_LOADER
from throughput.diagnose.lateness import read_lateness
from throughput.model.attribution import Place
from throughput.model.category import Category
from throughput.model.timeline import Batches, Counter, Samples


def fired(made: object) -> list[str]:
    return [finding.rule for finding in diagnose(made)[1]]  # type: ignore[arg-type]


def test_a_counter_is_read_within_the_window_only() -> None:
    made = facts()
    times = np.array([-5, 10, 20, 10**12], dtype=np.int64)
    values = np.array([100.0, 1.0, 3.0, 900.0])
    one = Counter(name="tree_cpus", unit="count", time_ns=times, value=values)
    made = replace(made, timeline=replace(made.timeline, counters=(one,)))
    assert reading.counter(made, "tree_cpus") == 2.0
    assert reading.counter(made, "steal_share") is None


def test_a_counter_of_each_process_is_summed() -> None:
    rows = tuple(
        Counter(name="threads", unit="count", time_ns=np.array([1]), value=np.array([value]), pid=pid)
        for pid, value in ((1, 4.0), (2, 6.0))
    )
    made = facts()
    made = replace(made, timeline=replace(made.timeline, counters=rows))
    assert reading.counter(made, "threads") == 10.0


@pytest.mark.parametrize(
    ("environment", "counters", "idle"),
    [
        ({"cpus": 4}, {"tree_cpus": 1.5}, 2.5),
        ({"cpus": 4}, {"tree_cpus": 1.5, "machine_cpu_share": 0.9}, 0.4),
        ({"cpus": 64, "cpu_quota": 2.0}, {"tree_cpus": 1.5}, 0.5),
        ({"cpus": 4}, {}, None),
        ({"cpus": "four"}, {"tree_cpus": 1.0}, None),
    ],
)
def test_idle_cpus(environment: dict[str, object], counters: dict[str, float], idle: float | None) -> None:
    found = reading.idle_cpus(facts(environment=environment, counters=counters))
    assert found == (None if idle is None else pytest.approx(idle))


def test_library_code_points_at_its_caller() -> None:
    rounding = spot("numpy.round", 0.3, "site-packages/numpy/core.py:7", caller="data.py:48")
    own = spot("clean", 0.3, "data.py:9", caller="train.py:1")
    made = facts(places=(rounding, own))
    assert reading.own_place(made, rounding) == Place(function="caller", file="data.py", line=48)
    assert reading.own_place(made, own) == Place(function="clean", file="data.py", line=9)


def test_the_loader_is_found_where_it_is_made_once() -> None:
    line = {
        5: "from torch.utils.data import DataLoader",
        6: "class Data:",
        7: "    def load(",
        8: "        self) -> DataLoader:",
        9: "        if self.ready:",
        10: "            return DataLoader(data, num_workers=2)",
    }
    made = facts(sources={"train.py": line})
    assert reading.place_of_text(made, MAKES_LOADER) == Place(function="Data.load", file="train.py", line=10)
    top = facts(sources={"train.py": {3: "loader = DataLoader(data)"}})
    assert reading.place_of_text(top, MAKES_LOADER) == Place(function="<module>", file="train.py", line=3)
    twice = facts(sources={"train.py": line | {12: "    other = DataLoader(mine)"}})
    assert reading.place_of_text(twice, MAKES_LOADER) is None
    tests = facts(sources={"train.py": line | {12: "    test_loader = DataLoader(data)"}})
    assert reading.place_of_text(tests, MAKES_LOADER) == Place(function="Data.load", file="train.py", line=10)


def test_only_the_training_thread_is_sampled() -> None:
    made = facts(stacks=((0.25, ("train.py main 1", "train.py slow 2")),))
    part = reading.training_samples(made, lambda stack: stack[-1].function == "slow")
    assert part.share == pytest.approx(0.25)
    other = replace(made.timeline.samples, track=np.ones(2, dtype=np.int64))
    elsewhere = replace(made, timeline=replace(made.timeline, samples=other))
    assert reading.training_samples(elsewhere, lambda _: True).count == 0


def test_the_costs_of_two_places_add() -> None:
    cost = costs.of_places([spot("a", 0.2), spot("b", 0.1)])
    assert cost is not None
    assert cost.share == pytest.approx(0.3)
    assert cost.share - cost.low == pytest.approx(0.005 * 2**0.5)
    assert costs.of_places([spot("a", 0.2, low=0.005)]) is None


def test_one_pause_is_no_rate() -> None:
    assert costs.of_events(facts(), [9 * STEP_NS]) is None
    cost = costs.of_events(facts(), [STEP_NS] * 10)
    assert cost is not None
    assert (cost.low, cost.share, cost.high) == (pytest.approx(0.09), pytest.approx(0.1), pytest.approx(0.11))


def test_waits_for_a_cpu_are_not_counted_twice() -> None:
    stacks = ((0.25, ("train.py main 1", "train.py slow 2")),)
    for starved, share in ((0.0, 0.25), (0.6, 0.1)):
        made = facts({Category.CPU_STARVED: starved}, stacks=stacks)
        part = reading.training_samples(made, lambda stack: stack[-1].function == "slow")
        cost = costs.of_samples(made, part)
        assert cost is not None
        assert cost.share == pytest.approx(share)


def test_lateness_counts_what_was_not_ready_when_it_was_wanted() -> None:
    made = facts(batches=batches(20, 40, every=4, ready_ms=5))  # 25 of 100 batches, 40 ms late each
    found = read_lateness(made)
    assert found is not None
    assert (found.late_ns, found.ordered_ns) == (pytest.approx(25 * 40e6), pytest.approx(25 * 40e6))
    assert read_lateness(facts()) is None


def test_what_nobody_waits_for_costs_nothing() -> None:
    slow = loader(2, fetch_ns=30e6, collate_ns=70e6, busy_share=0.4)
    split = {Category.DATA_LOADING: 0.2}
    assert (
        fired(facts(split, loader=slow, batches=batches(100, 0))) == []
    )  # ready: it is their sending that costs
    assert fired(facts(split, loader=slow, batches=batches(100, 80, every=4)))[-1] == "slow-collate"


def test_the_line_that_grows_is_found() -> None:
    durations = tuple(80 + 0.5 * n for n in range(120))
    made = facts(durations_ms=durations, stacks=((0.0, ("train.py main 1", "metric.py Mean.add 7")),))
    ends = np.array([step.end_ns for step in made.timeline.steps])
    starts = np.array([step.start_ns for step in made.timeline.steps])
    fixed = starts + 80_000_000  # each step: 80 ms of main, then ever more of the metric
    samples = Samples(
        track=np.zeros(240, np.int64),
        start_ns=np.concatenate([starts, fixed]),
        end_ns=np.concatenate([fixed, ends]),
        stack=np.repeat([1, 0], 120),
        count=np.ones(240, np.int64),
    )
    made = replace(made, timeline=replace(made.timeline, samples=samples))
    found = trends.growing_place(made)
    assert found is not None
    assert found[0] == Place(function="Mean.add", file="metric.py", line=7)
    assert found[1] == pytest.approx(40e6, rel=0.01)
    finding = diagnose(made)[1][0]
    assert (finding.rule, finding.where) == ("growing-step-time", found[0])
    assert finding.saves_ns_per_step == pytest.approx(30e6, rel=0.02)


def test_a_lock_is_placed_at_its_holder() -> None:
    waited = lock(training_ns_per_step=30e6)
    at = spot("Stats.flush", 0.3, "stats.py:40", lock=waited.places, category=Category.LOCK_CONTENTION)
    made = facts({Category.LOCK_CONTENTION: 0.3}, (at,), locks=(waited,))
    assert locking.where(made, waited) == Place(function="Stats.flush", file="stats.py", line=40)
    assert locking.where(facts(), waited) == Place(function="", file="cache.py", line=20)
    assert fired(made) == ["lock-in-training-thread"]


def test_waiting_for_storage_is_no_slow_code_and_no_lack_of_workers() -> None:
    slow = loader(1, cpu_ns=4e6, blocked_ns=95e6)
    free = {"tree_cpus": 0.4}
    made = facts(
        {Category.DATA_LOADING: 0.6}, (loading("Files.__getitem__", 0.58),), loader=slow, counters=free
    )
    assert fired(made) == ["slow-storage-read"]
    busy = replace(made, attribution=replace(made.attribution, loader=loader(1)))
    assert fired(busy) == ["slow-transform"]


def test_the_gil_and_locks_of_processes_beat_more_workers() -> None:
    for kind, rule in (("GIL", "gil-bound-thread"), ("process lock", "cross-process-lock")):
        made = facts(
            {Category.LOCK_CONTENTION: 0.4, Category.DATA_LOADING: 0.3},
            (loading("Cache.get", 0.3),),
            loader=loader(2),
            locks=(lock("it", kind, through_waker_ns_per_step=40e6),),
            counters={"tree_cpus": 1.1},
        )
        assert fired(made) == [rule]


def test_a_start_of_workers_counts_until_the_first_batch() -> None:
    second = 1_000_000_000
    starts = tuple(n * second for n in range(5))
    loaders = (
        settings(2, iterators_started=5, start_ns=starts, ready_ns=tuple(s + 50_000_000 for s in starts)),
    )
    wanted = np.array([s + 60_000_000 for s in starts])
    batches = Batches(wanted_ns=wanted, consumed_ns=wanted + 150_000_000)
    made = facts(durations_ms=(100.0,) * 50, loaders=loaders, batches=batches)
    finding = diagnose(made)[1][0]
    assert finding.rule == "respawned-workers"
    assert finding.saves_ns_per_step == pytest.approx(0.2 * STEP_NS)  # 50 + 150 ms, once in ten steps of 100


def test_the_device_is_read_with_care() -> None:
    assert read_device(facts()) is None
    assert read_device(facts(facts={"device": {"steps": 0}})) is None
    assert read_device(facts(facts={"device": ["no"]})) is None
    rows = [{"ns": 5, "direction": "h2d", "pinned": 1}, {"ns": "x"}, 7]
    device = read_device(facts(facts={"device": {"steps": 2, "copies": rows, "kernels": {"count": True}}}))
    assert device is not None
    assert [(copy.ns, copy.pinned) for copy in device.copies] == [(5.0, None)]
    assert device.kernels is None
