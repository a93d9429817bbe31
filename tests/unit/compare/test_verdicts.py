"""Verdicts: components with control over how many were tested, places, blame, busy machines."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.compare import samples as s
from throughput.compare import parts
from throughput.compare.fingerprint import differences, require_comparable, unknown
from throughput.compare.pairs import PairSample
from throughput.compare.rule import Decision, Settings, decide
from throughput.compare.verdict import Sides, evidence_of, explained, of_benchmarks, of_pairs, stored_evidence
from throughput.errors import NotComparable
from throughput.model.benchmark import Benchmark
from throughput.model.verdict import Form, Mark, Outcome, Verdict

SETTINGS = Settings()
NAMES = Sides(base="main", head="this code")


def verdict(pairs: list[PairSample]) -> Verdict:
    decision = decide(evidence_of(pairs), SETTINGS, last=True)
    return of_pairs(pairs, decision, SETTINGS, Form.LOCKSTEP, NAMES)


def slower() -> list[PairSample]:
    return [s.pair(0.4 + shift) for shift in (0.0, 0.01, -0.01, 0.005, -0.005)]


def test_the_component_that_took_the_time_is_blamed() -> None:
    found = verdict(slower())
    assert found.outcome is Outcome.SLOWER
    assert found.part is not None
    assert found.part.component == "data_loading"
    assert found.part.mark is Mark.CHANGED
    assert found.part.change == pytest.approx(0.4, abs=0.01)
    assert found.ratio == pytest.approx(1.4, abs=0.01)
    assert found.low is not None
    assert found.low > 1.3
    assert len(found.logs) == 5


def test_a_component_that_grew_while_another_shrank_is_seen_in_a_verdict_of_the_same() -> None:
    pairs = [s.pair(0.001 * n, loading=0.1 + 0.001 * n) for n in (-2, -1, 0, 1, 2)]
    found = verdict(pairs)
    assert found.outcome is Outcome.SAME
    assert {row.component: row.mark for row in found.parts} == {
        "data_loading": Mark.CHANGED, "compute_and_host": Mark.CHANGED,
    }  # fmt: skip


def test_places_come_from_a_full_run_of_each_side_scaled_to_the_steps_that_were_judged() -> None:
    base = s.benchmark("base", 20.0, hotspots=(s.spot(ms=4.2), s.spot("resize", 1.0)))
    head = s.benchmark("head", 28.0, hotspots=(s.spot(ms=12.0), s.spot("resize", 1.0)))
    found = explained(verdict(slower()), base, head)
    assert found.spot is not None
    assert found.spot.name == "round_pixels"
    assert found.spot.base_ns == pytest.approx(2.1e6, rel=0.01)
    assert found.spot.head_ns == pytest.approx(6.0e6, rel=0.01)


def test_a_place_of_another_component_is_not_to_blame() -> None:
    base = s.benchmark("base", 10.0, hotspots=(s.spot("matmul", 1.0, category="compute"),))
    head = s.benchmark("head", 14.0, hotspots=(s.spot("matmul", 5.0, category="compute"),))
    assert explained(verdict(slower()), base, head).spot is None


def test_a_busy_machine_raises_no_alarm() -> None:
    busy = [replace(pair, starved=(0.1, 0.3)) for pair in slower()]
    found = verdict(busy)
    assert found.outcome is Outcome.SLOWER
    assert any("waited for a CPU 30%" in note for note in found.notes)
    drowned = verdict([replace(pair, starved=(0.6, 0.2)) for pair in slower()])
    assert drowned.outcome is Outcome.UNSURE
    assert any("quieter" in note for note in drowned.notes)


def test_memory_has_a_tolerance_of_its_own() -> None:
    grown = verdict([replace(pair, memory=(5e8, 6e8)) for pair in slower()])
    assert [(row.name, row.beyond) for row in grown.others] == [("memory peak", True)]
    assert not verdict(slower()).others[0].beyond
    unknown_memory = verdict([replace(pair, memory=(None, 6e8)) for pair in slower()])
    assert unknown_memory.others == ()


def of_numbers(base: Benchmark, head: Benchmark) -> Verdict:
    decision: Decision = decide(stored_evidence(base, head.processes), SETTINGS, last=True)
    return of_benchmarks(base, head, decision, SETTINGS)


def test_saved_numbers_give_a_verdict_with_places() -> None:
    base = s.benchmark(hotspots=(s.spot(each_ns=(2_100_000, 2_110_000, 2_090_000, 2_100_000, 2_105_000)),))
    slow = tuple(s.process(ms, data_loading=ms - 6) for ms in (18.0, 18.1, 17.9, 18.05, 17.95))
    spots = (s.spot(ms=9.8, each_ns=(9_800_000, 9_810_000, 9_790_000, 9_800_000, 9_805_000)),)
    found = of_numbers(base, replace(s.benchmark("now"), processes=slow, hotspots=spots))
    assert found.outcome is Outcome.SLOWER
    assert found.form is Form.STORED
    assert found.part is not None
    assert found.part.component == "data_loading"
    assert found.spot is not None
    assert (found.spot.mark, found.spot.name) == (Mark.CHANGED, "round_pixels")
    assert {row.name for row in found.others if row.beyond} == {"samples/s"}


def test_too_few_processes_have_no_interval() -> None:
    found = of_numbers(s.benchmark("a", 10.0), s.benchmark("b", 14.0))
    assert (found.low, found.high, found.sees) == (None, None, None)
    assert found.outcome is Outcome.UNSURE
    assert all(row.mark is Mark.UNTESTED for row in found.parts)


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=10))
def test_holm_keeps_the_order_and_never_helps_a_p_value(values: dict[object, float]) -> None:
    adjusted = parts.holm(values)
    assert adjusted.keys() == values.keys()
    assert all(values[key] <= adjusted[key] <= 1 for key in values)
    ranked = sorted(values, key=lambda key: values[key])
    assert [adjusted[key] for key in ranked] == sorted(adjusted.values())
    if values:
        assert min(adjusted.values()) == min(1.0, min(values.values()) * len(values))


def test_identical_code_changes_no_component_more_often_than_the_rate() -> None:
    random = np.random.default_rng(3)
    false = 0
    for _ in range(300):
        pairs = [
            replace(s.pair(0.0), parts={name: (2e6, random.normal(0, 2e5)) for name in "abcdef"})
            for _ in range(5)
        ]
        false += any(row.mark is Mark.CHANGED for row in parts.of_pairs(pairs))
    assert false / 300 <= 0.07


def test_a_place_that_a_full_list_leaves_out_may_only_be_small() -> None:
    full = tuple(s.spot(f"f{n}", 1.0) for n in range(20))
    rows = parts.of_spots(full, (*full[:19], s.spot("new", 0.9)), steps_ns=(1e7, 1e7))
    assert {row.name: row.mark for row in rows}["new"] is Mark.NOISE
    short = parts.of_spots(full[:3], (*full[:3], s.spot("new", 0.9)), steps_ns=(1e7, 1e7))
    assert {row.name: row.mark for row in short}["new"] is Mark.NEW
    gone = parts.of_spots((s.spot("old", 3.0), *full[:2]), full[:2], steps_ns=(1e7, 1e7))
    assert {row.name: row.mark for row in gone}["old"] is Mark.GONE


def test_a_place_within_its_sampling_noise_is_no_change() -> None:
    rows = parts.of_spots((s.spot(ms=2.0),), (s.spot(ms=2.1),), steps_ns=(1e7, 1e7))
    assert rows[0].mark is Mark.NOISE
    rows = parts.of_spots((s.spot(half_ns=None),), (s.spot(ms=9.0),), steps_ns=(1e7, 1e7))
    assert rows[0].mark is Mark.UNTESTED


def test_comparable_means_equal_and_the_difference_is_named() -> None:
    base = s.benchmark()
    assert require_comparable(base, s.benchmark("now"), force=False) == ()
    other = s.benchmark("now", must_equal={**s.EQUAL, "cpus": 4, "torch": "2.14"})
    with pytest.raises(NotComparable, match=r"usable CPUs: 2 before, 4 now; torch: 2\.13 before, 2\.14 now"):
        require_comparable(base, other, force=False)
    notes = require_comparable(base, other, force=True)
    assert len(notes) == 2
    assert "--force" in notes[0]


def test_short_last_batches_and_what_is_not_known_make_no_difference() -> None:
    assert differences(s.EQUAL, {**s.EQUAL, "batch_size": 7.6}) == ()
    assert differences(s.EQUAL, {**s.EQUAL, "batch_size": 16.0}) == ("batch size: 8.0 before, 16.0 now",)
    assert differences(s.EQUAL, {}) == ()
    assert "CPU model" in unknown(s.EQUAL, {})


@given(st.lists(st.floats(-0.5, 2.0), min_size=1, max_size=14))
def test_any_pairs_give_a_whole_verdict(changes: list[float]) -> None:
    found = verdict([s.pair(change) for change in changes])
    assert found.values == len(changes) or found.outcome is not Outcome.UNSURE
    assert found.base_ns > 0
    assert found.ratio > 0
    assert (found.low is None) == (found.high is None)
    assert math.isfinite(found.ratio)
