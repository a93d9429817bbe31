"""Compare what a report says with what was planted and what the script's own stopwatch read."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.pair import Pair

POINTS = 5.0
"""A category may differ from its truth by this much of the step."""
STEADY_POINTS = 2.0
"""Truth that varies more than this between runs doesn't count yet: the script is run longer."""

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


def divide_compute(truth: Json, operators_share: float) -> Json:
    """Return the truth with what isn't in operators moved from compute to host work.

    The script's stopwatch sees its training phases whole; Python between operators is `host_work`.
    """
    shares = dict(truth["shares"])
    between = shares.get("compute", 0.0) * (1 - operators_share)
    shares["compute"] = shares.get("compute", 0.0) - between
    shares["host_work"] = shares.get("host_work", 0.0) + between
    return truth | {"shares": shares, "operators_share": operators_share}


def is_planted(pair: Pair, place: Json | None) -> bool:
    """Return whether a place {file, line, function} is the planted line in the planted function."""
    if not place:
        return False
    return (place["file"], place["line"]) == (pair.file, pair.line) and is_function(pair, place["function"])


def is_function(pair: Pair, function: str | None) -> bool:
    """Return whether a function's name is the planted one's; qualified where the report could qualify it."""
    return bool(function) and function in (pair.function, pair.function.rsplit(".", 1)[-1])


def is_named(pair: Pair, hotspot: Json) -> bool:
    """Return whether a hotspot names the planted line: itself, its caller, or a place of its lock."""
    if is_planted(pair, hotspot) or is_planted(pair, hotspot.get("caller")):
        return True
    lock = hotspot.get("lock") or {}
    places = [lock.get(key) for key in ("made_at", "held_at", "waited_at")]
    functions = [hotspot["function"], (hotspot.get("caller") or {}).get("function")]
    return f"{pair.file}:{pair.line}" in places and any(is_function(pair, name) for name in functions)


def finding_names(pair: Pair, finding: Json, hotspot: Json | None) -> bool:
    """Return whether a finding points at the planted line, or at the hotspot that names it."""
    where = finding.get("where")
    if is_planted(pair, where):
        return True
    if not where or hotspot is None or not is_named(pair, hotspot):
        return False
    return (where["file"], where["line"]) == (hotspot["file"], hotspot["line"])


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


def score_slow(pair: Pair, report: Json, truth: Json, fixed: Json) -> Json:
    """Return what the report of the slow script got right, with its figures beside the truth's."""
    hotspot = next(iter(report["hotspots"]), None)
    finding = next(iter(report["findings"]), None)
    errors = split_errors(report, truth["shares"])
    worst = max(errors, key=lambda name: abs(errors[name]))
    return {
        "hotspot_named": hotspot is not None and is_named(pair, hotspot),
        "hotspot_name": hotspot["name"] if hotspot else None,
        "hotspot_name_right": hotspot is not None and hotspot["name"] == pair.hotspot,
        "hotspot_share": hotspot["share"] if hotspot else None,
        "hotspot_category": hotspot["category"] if hotspot else None,
        "finding_named": finding is not None and finding_names(pair, finding, hotspot),
        "finding_rule": finding["rule"] if finding else None,
        "category": finding["category"] if finding else None,
        "category_right": finding is not None and finding["category"] == pair.category,
        "split": {row["category"]: row["share"] for row in report["split"]},
        "errors_points": dict(sorted(errors.items())),
        "worst_points": abs(errors[worst]),
        "worst_category": worst,
        "worst_points_unstarved": unstarved_points(report, truth),
        "split_right": abs(errors[worst]) <= POINTS,
        "step_ratio": _step_ratio(report, truth),
        "prediction": (finding or {}).get("prediction"),
        "measured_speedup": truth["median_step_ns"] / fixed["median_step_ns"],
    }


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
    keys = ("hotspot_named", "finding_named", "category_right", "split_right")
    slow = all(run[key] for run in result["slow"] for key in keys)
    return slow and all(run["quiet"] for run in result["fixed"])


def _step_ratio(report: Json, truth: Json) -> float | None:
    if report["throughput"] is None:
        return None
    return float(report["throughput"]["step_ns"]["median"] / truth["median_step_ns"])
