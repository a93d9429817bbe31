"""The scorer of the truth benchmark: what counts as named, how far a split is off, what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import operators, score, store, truth
from benchmarks import pair as pairs

ROUND_PAIR = pairs.read(pairs.PAIRS / "numpy-round")


def plant_of(name: str) -> pairs.Plant:
    plant = pairs.read(pairs.PAIRS / name).plant
    assert plant is not None
    return plant


LOCKED, ROUND = plant_of("thread-lock"), plant_of("numpy-round")


def hotspot(**changes: Any) -> dict[str, Any]:
    base = {
        "name": "numpy.round",
        "file": "numpy/_core/fromnumeric.py",
        "line": 3600,
        "function": "round",
        "caller": {"file": ROUND.file, "line": ROUND.line, "function": ROUND.function},
        "category": "data_loading",
        "share": 0.5,
        "lock": None,
    }
    return base | changes


def report(**shares: float) -> dict[str, Any]:
    rows = [{"category": name, "share": share} for name, share in shares.items()]
    return {
        "split": rows,
        "hotspots": [hotspot()],
        "findings": [],
        "throughput": {"step_ns": {"median": 20e6}},
    }


def test_library_call_is_named_by_its_caller() -> None:
    assert score.is_named(ROUND, hotspot())
    assert not score.is_named(ROUND, hotspot(caller=None))


@pytest.mark.parametrize("change", [{"line": ROUND.line + 1}, {"file": "other.py"}, {"function": "clean"}])
def test_near_misses_are_not_named(change: dict[str, Any]) -> None:
    caller = {"file": ROUND.file, "line": ROUND.line, "function": ROUND.function} | change
    assert not score.is_named(ROUND, hotspot(caller=caller))


@pytest.mark.parametrize("place", ["made_at", "held_at", "waited_at"])
def test_a_lock_is_named_by_any_of_its_places(place: str) -> None:
    lock = {"made_at": None, "held_at": None, "waited_at": None, place: f"{LOCKED.file}:{LOCKED.line}"}
    held = {"file": LOCKED.file, "line": 1, "function": "Publisher.publish", "caller": None}
    assert score.is_named(LOCKED, hotspot(lock=lock, **held))
    assert not score.is_named(LOCKED, hotspot(lock=lock, **held | {"function": "run"}))


def test_finding_may_point_at_the_hotspot_that_names_the_line() -> None:
    where = {"file": "numpy/_core/fromnumeric.py", "line": 3600, "function": "round"}
    finding = {"rule": "any", "where": where}
    assert score.finding_names(ROUND, finding, [hotspot()])
    assert not score.finding_names(ROUND, finding, [hotspot(caller=None)])
    assert not score.finding_names(ROUND, {"rule": "any", "where": None}, [hotspot()])


def test_a_rule_that_only_the_cause_makes_fire_names_it() -> None:
    plant = replace(ROUND, rules=("no-workers",))
    assert score.finding_names(plant, {"rule": "no-workers", "where": None}, [])
    assert not score.finding_names(plant, {"rule": "too-few-workers", "where": None}, [])


def test_predictions_are_compared_at_what_the_twin_leaves() -> None:
    assert score.at_remains(2.0, 0.0) == 2.0
    assert score.at_remains(2.0, 0.1) == pytest.approx(1 / 0.55)
    pair = replace(ROUND_PAIR, remains=0.1)
    said = {"prediction": {"speedup": 2.0, "low": 1.8, "high": 2.3}}
    scored = score.score_prediction(pair, said, 1.8)
    assert scored["speedup_error"] == pytest.approx(1 / 0.55 / 1.8 - 1)
    assert scored["in_interval"]
    assert not score.score_prediction(pair, said, 2.2)["in_interval"]
    assert score.score_prediction(pair, None, 2.0)["speedup_error"] is None


def test_the_rank_is_that_of_the_first_that_is_right() -> None:
    assert score.rank_of([False, True, True]) == 2
    assert score.rank_of([False]) is None


def test_split_errors_count_what_either_side_lacks() -> None:
    said = report(data_loading=0.5, idle=0.04) | {"throughput": None}
    said["split"].append({"category": "compute", "share": None})
    errors = score.split_errors(said, {"data_loading": 0.55, "compute": 0.45})
    assert errors == {"data_loading": -5.0, "idle": 4.0, "compute": -45.0}


def test_python_between_operators_is_host_work() -> None:
    divided = score.divide_compute({"shares": {"compute": 0.8, "host_work": 0.1}}, 0.9)
    assert divided["shares"] == pytest.approx({"compute": 0.72, "host_work": 0.18})
    spans = operators.union([(0, 4), (2, 6), (9, 12)])
    assert spans == [(0, 6), (9, 12)]
    assert operators.overlap(spans, [(5, 10), (11, 20)]) == 3


def test_errors_without_starvation_forgive_a_busy_machine() -> None:
    busy = report(compute=0.3, data_loading=0.3, cpu_starved=0.4)
    assert score.unstarved_points(busy, {"shares": {"compute": 0.5, "data_loading": 0.5}}) == 0
    assert score.unstarved_points(busy, {"shares": {"compute": 0.4, "data_loading": 0.6}}) == 10


def test_truth_of_several_runs_is_the_median_with_its_spread() -> None:
    def one(share: float) -> dict[str, Any]:
        return {"median_step_ns": share, "mean_step_ns": share, "shares": {"compute": share}}

    combined = score.combine([one(0.5), one(0.51), one(0.54)])
    assert combined["shares"] == {"compute": 0.51}
    assert combined["spread_points"] == pytest.approx(4.0)


def test_a_result_passes_only_if_all_is_right() -> None:
    shares = {"data_loading": 0.6, "compute": 0.4}
    times = {"median_step_ns": 20e6, "mean_step_ns": 20e6, "shares": shares, "spread_points": 1.0}
    fixed = times | {"median_step_ns": 10e6, "mean_step_ns": 10e6}
    same = {"same_run": {"shares": {"data_loading": 0.51, "compute": 0.49}}}
    where = {"file": ROUND.file, "line": ROUND.line, "function": ROUND.function}
    found = {"rule": "slow-transform", "category": "data_loading", "where": where, "prediction": None}
    right = report(data_loading=0.58, compute=0.42) | {"findings": [found]} | same
    slow = score.score_slow(ROUND_PAIR, right, times, fixed)
    quiet = score.score_fixed(report(compute=0.4, data_loading=0.6), fixed)
    assert score.passes({"slow": [slow], "fixed": [quiet]})
    assert slow["measured_speedup"] == 2
    alarm = quiet | {"quiet": False}
    assert not score.passes({"slow": [slow], "fixed": [alarm]})
    wrong = report(data_loading=0.5, compute=0.5) | {"findings": [found]} | same
    off = score.score_slow(ROUND_PAIR, wrong, times, fixed)
    assert not score.passes({"slow": [off], "fixed": [quiet]})
    # Where plain runs differ by as much, the stopwatch of the profiled run itself decides.
    unsteady = score.score_slow(ROUND_PAIR, wrong, times | {"spread_points": 6.0}, fixed)
    assert unsteady["worst_points_same_run"] == pytest.approx(1.0)
    assert score.passes({"slow": [unsteady], "fixed": [quiet]})


def test_the_stopwatch_of_the_steps_that_count_as_clean() -> None:
    ms = 1_000_000
    rows = [(n * 10 * ms, 10 * ms, {"compute": n * ms, "data_loading": (10 - n) * ms}) for n in range(1, 10)]
    found = score.of_clean_steps([20 * ms - 10, 39 * ms, 500 * ms], rows)
    assert found["shares"] == pytest.approx({"compute": 0.3, "data_loading": 0.7})


def test_results_are_kept_one_by_one(tmp_path: Path) -> None:
    kept = tmp_path / "accuracy.json"
    store.save(kept, "b", {"x": 1})
    store.save(kept, "a", {"x": 2})
    assert list(store.load(kept)) == ["a", "b"]
    kept.write_text(json.dumps({"schema": 99, "results": {}}), encoding="utf-8")
    with pytest.raises(SystemExit):
        store.load(kept)


def test_a_failed_result_has_its_row() -> None:
    assert "failed: no report" in truth.show({"numpy-round/0": {"failed": "no report"}})
    assert not truth.is_right({"failed": "no report"})


def test_an_unknown_pair_is_refused() -> None:
    with pytest.raises(SystemExit, match="no pair named nothing"):
        pairs.read_all(pairs.PAIRS, ["nothing"])
