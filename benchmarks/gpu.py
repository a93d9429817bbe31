"""Measure on a GPU: three slow scripts and their fixed twins, what a report says, and what the fix bought.

    python -m benchmarks.gpu                       all pairs under gpu_pairs/, into gpu.json
    python -m benchmarks.gpu gpu-syncs --keep DIR  one pair; its run directories are kept for tests

Slow and fixed run plain, in turn, each mean step from one wait for the device to another; the speed-up that a
report of the slow script predicts stands beside theirs. Without a GPU it says so and ends with 2.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import pair as pairs
from benchmarks.runs import Command, RunFailed, profile, run_truth
from benchmarks.store import HERE, Result, save, stamp, table

FOLDER = HERE / "gpu_pairs"
STEPS = 120
"""Of a profile's window."""
SPARE = 160
"""Steps that the scripts have beside the window: warm-up, drops, shapes."""
SIDES = ("slow", "fixed")


def command(pair: pairs.Pair, side: str, steps: int) -> Command:
    """Return how to run one side of a pair."""
    script = pair.slow if side == "slow" else pair.fixed
    return Command(arguments=(str(script), "--steps", str(steps)))


def keep(run: Path, *, folder: Path, name: str) -> None:
    """Copy a run directory."""
    shutil.copytree(run, folder / name, dirs_exist_ok=True)


def measure(pair: pairs.Pair, runs: int, folder: Path | None) -> Result:
    """Return what plain runs took, and what reports of both sides say.

    Raises:
        RunFailed: a script or a profile of it failed.
    """
    steps: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(runs):
        for side in SIDES:
            steps[side].append(run_truth(command(pair, side, pair.steps))["mean_step_ns"])
    result: Result = {"device": torch.cuda.get_device_name(), "pair": pair.digest(), **stamp()}
    for side in SIDES:
        look = partial(keep, folder=folder, name=f"{pair.name}-{side}") if folder else None
        report, took = profile(command(pair, side, STEPS + SPARE), STEPS, look=look)
        plain = statistics.median(steps[side])
        result[side] = {"step_ns": plain, **said(report), "answer_s": round(took, 1)}
    result["speedup"] = result["slow"]["step_ns"] / result["fixed"]["step_ns"]
    result["scored"] = scored(pair, result)
    return result


def said(report: dict[str, Any]) -> Result:
    """Return what a report says, as far as it is compared."""
    split = {row["category"]: row["share"] for row in report["split"] if row["share"] is not None}
    findings = [
        {"rule": one["rule"], "where": one["where"], "prediction": one["prediction"]}
        for one in report["findings"][:3]
    ]
    settings = (report["replay"] or {}).get("settings") or []
    now = report["throughput"]["steps_per_s"]
    places = [(one["name"], one["file"], one["line"], one["caller"]) for one in report["hotspots"][:3]]
    return {
        "headline": report["headline"],
        "reported_step_ns": report["throughput"]["step_ns"]["mean"],
        "split": {category: round(share, 4) for category, share in split.items()},
        "findings": findings,
        "hotspots": places,
        "with_workers": {row["num_workers"]: round(row["steps_per_s"] / now, 3) for row in settings},
    }


def scored(pair: pairs.Pair, result: Result) -> Result:
    """Return whether the slow script's cause was named first, and what was predicted of the twin's fix.

    A twin that has more workers is compared with the report's figure for as many.
    """
    plant, first = pair.plant, next(iter(result["slow"]["findings"]), None)
    assert plant is not None
    told = (first or {}).get("prediction") or {}
    workers = json.loads((FOLDER / pair.name / "truth.json").read_text(encoding="utf-8")).get("fix_workers")
    by_workers = result["slow"]["with_workers"].get(workers)
    return {
        "rule_first": first is not None and first["rule"] in plant.rules,
        "line_first": any(_names(plant, place) for place in result["slow"]["hotspots"][:1]),
        "predicted": by_workers or told.get("speedup"),
        "within": bool(told) and told["low"] <= result["speedup"] <= told["high"],
        "alarm_on_twin": any(one["rule"] in plant.rules for one in result["fixed"]["findings"]),
    }


def _names(plant: pairs.Plant, place: Any) -> bool:
    _, file, line, caller = place
    spots = [(file, line)] + ([(caller["file"], caller["line"])] if caller else [])
    return (plant.file, plant.line) in spots


def main() -> None:
    """Measure the pairs that are asked for."""
    parser = argparse.ArgumentParser(description="Measure on a GPU what reports say against what fixes buy.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--runs", type=int, default=2, help="plain runs of each side")
    parser.add_argument("--keep", type=Path, help="folder for the run directories")
    parser.add_argument("--out", type=Path, default=HERE / "gpu.json")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("not measured: this machine has no GPU that torch can use", file=sys.stderr)
        raise SystemExit(2)
    rows: list[tuple[object, ...]] = []
    for pair in pairs.read_all(FOLDER, options.names):
        try:
            result = measure(pair, options.runs, options.keep)
        except RunFailed as error:
            print(f"{pair.name}: {error}", file=sys.stderr, flush=True)
            continue
        save(options.out, pair.name, result)
        score = result["scored"]
        rows.append((pair.name, f"{result['speedup']:.2f}", score["predicted"], score["rule_first"],
                     score["line_first"], score["alarm_on_twin"]))  # fmt: skip
        print(pair.name, {side: result[side] for side in SIDES}, score, flush=True)
    print(table(("pair", "measured", "predicted", "rule first", "line first", "alarm on twin"), rows))


if __name__ == "__main__":
    main()
