"""Compare what a report says with what was planted and what the script's own stopwatch read."""

from __future__ import annotations

from bisect import bisect_left
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.pair import Pair, Plant

POINTS = 5.0
"""A category may differ from its truth by this much of the step."""
STEADY_POINTS = 2.0
"""Truth that varies more than this between runs doesn't count yet: the script is run longer."""

TIE_NS = 50_000
"""Reading the clock twice at a step's end."""

Json = dict[str, Any]


def combine(truths: list[Json]) -> Json:
    """Return the truth of several runs: medians, and the spread of the share that varies most, in points."""
    names = sorted({name for truth in truths for name in truth["shares"]})
    shares = {name: [truth["shares"].get(name, 0.0) for truth in truths] for name in names}
    spreads = {name: 100 * (max(values) - min(values)) for name, values in shares.items()}
    return {
        "runs": len(truths),
        "median_step_ns": median(truth["median_step_ns"] for truth in truths),
        "mean_step_ns": median(truth["mean_step_ns"] for truth in truths),
        "shares": {name: round(median(values), 5) for name, values in shares.items()},
        "spread_points": round(max(spreads.values()), 2),
        "spread_of": max(spreads, key=spreads.__getitem__),
    }


def of_clean_steps(ends: list[int], rows: list[tuple[int, int, dict[str, int]]]) -> Json:
    """Return the shares that the stopwatch read in the steps with these ends, of its (end, length, parts).

    Its steps end a moment after the report's, with the script's own last lines.
    """
    times = [end for end, _, _ in rows]
    chosen = [rows[at] for at in (bisect_left(times, end - TIE_NS) for end in ends) if at < len(rows)]
    whole = sum(length for _, length, _ in chosen)
    names = {name for _, _, parts in chosen for name in parts}
    return {
        "shares": {name: sum(parts.get(name, 0) for _, _, parts in chosen) / max(whole, 1) for name in names}
    }


def divide_compute(truth: Json, operators_share: float) -> Json:
    """Return the truth with what isn't in operators moved from compute to host work.

    The script's stopwatch sees its training phases whole; Python between operators is `host_work`.
    """
    shares = dict(truth["shares"])
    between = shares.get("compute", 0.0) * (1 - operators_share)
    shares["compute"] = shares.get("compute", 0.0) - between
    shares["host_work"] = shares.get("host_work", 0.0) + between
    return truth | {"shares": shares, "operators_share": operators_share}


def is_planted(plant: Plant, place: Json | None) -> bool:
    """Return whether a place {file, line, function} is the planted line in the planted function."""
    if not place:
        return False
    is_line = (place["file"], place["line"]) == (plant.file, plant.line)
    return is_line and is_function(plant, place["function"])


def is_function(plant: Plant, function: str | None) -> bool:
    """Return whether a function's name is the planted one's; qualified where the report could qualify it."""
    return bool(function) and function in (plant.function, plant.function.rsplit(".", 1)[-1])


def is_named(plant: Plant, hotspot: Json) -> bool:
    """Return whether a hotspot names the planted line: itself, its caller, or a place of its lock."""
    if is_planted(plant, hotspot) or is_planted(plant, hotspot.get("caller")):
        return True
    lock = hotspot.get("lock") or {}
    places = [lock.get(key) for key in ("made_at", "held_at", "waited_at")]
    functions = [hotspot["function"], (hotspot.get("caller") or {}).get("function")]
    return f"{plant.file}:{plant.line}" in places and any(is_function(plant, name) for name in functions)


def finding_names(plant: Plant, finding: Json, hotspots: list[Json]) -> bool:
    """Return whether a finding points at the planted line, or at a hotspot that names it, or is of its rule.

    A rule that only this cause makes fire names the cause also where it points at the settings to change.
    """
    where = finding.get("where")
    if is_planted(plant, where) or finding["rule"] in plant.rules:
        return True
    named = [(spot["file"], spot["line"]) for spot in hotspots if is_named(plant, spot)]
    return where is not None and (where["file"], where["line"]) in named


def rank_of(found: list[bool]) -> int | None:
    """Return the place, from 1, of the first that is right; None where none is."""
    return found.index(True) + 1 if True in found else None


def at_remains(speedup: float, remains: float) -> float:
    """Return the speed-up where the fix leaves this share of the cost."""
    return 1 / (1 / speedup + remains * (1 - 1 / speedup))


def split_errors(report: Json, shares: dict[str, float]) -> dict[str, float]:
    """Return, for each category, the report's share less the truth's, in points of the step.

    A category that the report didn't measure counts as zero, so what it misses shows.
    """
    said = {row["category"]: row["share"] or 0.0 for row in report["split"]}
    return {name: round(100 * (said.get(name, 0.0) - shares.get(name, 0.0)), 2) for name in {*said, *shares}}


def without_starvation(shares: dict[str, float]) -> dict[str, float]:
    """Return shares of the time not spent waiting for a CPU: comparable when neighbours come and go."""
    running = 1 - shares.get("cpu_starved", 0.0)
    return {name: share / running for name, share in shares.items() if name != "cpu_starved"}


def unstarved_points(report: Json, truth: Json) -> float:
    """Return the worst error in points, of shares of the time that isn't spent waiting for a CPU."""
    said = {row["category"]: row["share"] or 0.0 for row in report["split"]}
    rows = [{"category": name, "share": share} for name, share in without_starvation(said).items()]
    errors = split_errors({"split": rows}, without_starvation(truth["shares"]))
    return max(abs(error) for error in errors.values())


def score_slow(pair: Pair, report: Json, truth: Json, fixed: Json, speedup: Json | None = None) -> Json:
    """Return what the report of the slow script got right, with its figures beside the truth's."""
    plant = pair.plant
    assert plant is not None  # a clean script has no slow side
    hotspots, findings = report["hotspots"], report["findings"]
    hotspot, finding = next(iter(hotspots), None), next(iter(findings), None)
    hotspot_rank = rank_of([is_named(plant, spot) for spot in hotspots]) if plant.hotspot else 1
    measured = speedup["ratio"] if speedup else truth["mean_step_ns"] / fixed["mean_step_ns"]
    errors = _scored(split_errors(report, truth["shares"]), pair)
    worst = max(errors, key=lambda name: abs(errors[name]))
    points = same_run_points(pair, report)
    return {
        "hotspot_rank": hotspot_rank,
        "hotspot_named": hotspot_rank == 1,
        "hotspot_name": hotspot["name"] if hotspot else None,
        "hotspot_name_right": hotspot is not None and hotspot["name"] == plant.hotspot,
        "hotspot_share": hotspot["share"] if hotspot else None,
        "hotspot_category": hotspot["category"] if hotspot else None,
        "finding_rank": rank_of([finding_names(plant, one, hotspots) for one in findings]),
        "finding_named": finding is not None and finding_names(plant, finding, hotspots),
        "finding_rule": finding["rule"] if finding else None,
        "second_named": pair.second is None
        or any(finding_names(pair.second, one, hotspots) for one in findings[1:3]),
        "category": finding["category"] if finding else None,
        "category_right": finding is not None and finding["category"] == plant.category,
        "split": {row["category"]: row["share"] for row in report["split"]},
        "errors_points": dict(sorted(errors.items())),
        "worst_points": abs(errors[worst]),
        "worst_category": worst,
        "worst_points_unstarved": unstarved_points(report, truth),
        "worst_points_same_run": points,
        "split_right": abs(errors[worst]) <= POINTS or (_varies(truth) and points <= POINTS),
        "step_ratio": _step_ratio(report, truth),
        "replay_error": (report.get("replay") or {}).get("error"),
        **score_prediction(pair, finding, measured),
    }


def score_prediction(pair: Pair, finding: Json | None, measured: float) -> Json:
    """Return what the first finding promises, at what the twin leaves of the cost, beside the measured."""
    prediction = (finding or {}).get("prediction")
    result: Json = {"prediction": prediction, "measured_speedup": measured}
    if prediction is None:
        return result | {"speedup_error": None, "in_interval": None}
    low, said, high = (at_remains(prediction[key], pair.remains) for key in ("low", "speedup", "high"))
    return result | {"speedup_error": said / measured - 1, "in_interval": low <= measured <= high}


def same_run_points(pair: Pair, report: Json) -> float:
    """Return the worst error in points against the stopwatch of the profiled run itself."""
    errors = _scored(split_errors(report, report["same_run"]["shares"]), pair)
    return max(abs(error) for error in errors.values())


def _varies(truth: Json) -> bool:
    """Return whether plain runs differ too much from one another to judge a profiled one by them."""
    return bool(truth["spread_points"] > STEADY_POINTS)


def _scored(errors: dict[str, float], pair: Pair) -> dict[str, float]:
    return {name: error for name, error in errors.items() if name not in pair.unscored}


def score_fixed(report: Json, truth: Json) -> Json:
    """Return whether the fixed twin's report gives no alarm."""
    errors = split_errors(report, truth["shares"])
    return {
        "quiet": not report["findings"],
        "alarms": [finding["rule"] for finding in report["findings"]],
        "errors_points": dict(sorted(errors.items())),
        "worst_points": max(abs(error) for error in errors.values()),
        "worst_points_unstarved": unstarved_points(report, truth),
        "step_ratio": _step_ratio(report, truth),
    }


def passes(result: Json) -> bool:
    """Return whether every profiled run of a result got everything right."""
    keys = ("hotspot_named", "finding_named", "second_named", "category_right", "split_right")
    slow = all(run[key] for run in result.get("slow", ()) for key in keys)
    return slow and all(run["quiet"] for run in result["fixed"])


def _step_ratio(report: Json, truth: Json) -> float | None:
    if report["throughput"] is None:
        return None
    return float(report["throughput"]["step_ns"]["median"] / truth["median_step_ns"])
