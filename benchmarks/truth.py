"""Profile each pair of scripts, and say how near the report comes to the truth.

python -m benchmarks.truth [NAMES] [--pairs DIR] [--resume] [--workers 0,2] [--runs 5] [--record]

Each profiled run is compared twice: with the stopwatch of plain runs, which holds what profiling changes and
what runs differ by, and with the stopwatch of the same run in the same steps, which holds the method alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import pair as pairs
from benchmarks import recording, score, store
from benchmarks.pair import Pair
from benchmarks.runs import ONE_THREAD, RunFailed, profile, run_operators, run_truth
from throughput.collect.lockstep import Turns
from throughput.collect.options import ProfileOptions
from throughput.collect.run_directory import RunDirectory
from throughput.errors import ThroughputError
from throughput.flows.analyse import read_timelines
from throughput.flows.lockstep import compare_in_turns

KEPT = store.HERE / "accuracy.json"
PROFILED_STEPS = 200
SPARE = 1000
"""Steps that the profiled script would take: it is stopped after its window, whatever that comes to."""
LONGEST = 4
"""Truth that doesn't settle within this many times the steps is quoted with its spread."""

Truths = dict[str, list[dict[str, Any]]]


def main() -> None:
    """Run the pairs asked for, keep each result at once, print the table of all that were asked for."""
    options = _parse()
    stale = {} if not options.resume else store.load(options.out)
    done: dict[str, store.Result] = {}
    for pair in pairs.read_all(options.pairs, options.names):
        for workers in pair.workers:
            if options.workers and workers not in options.workers:
                continue
            name = f"{pair.name}/{workers}"
            if _is_fresh(stale.get(name), pair):
                done[name] = stale[name]
                continue
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                done[name] = measure(pair, workers, options)
            except (RunFailed, ThroughputError) as failed:
                print(f"{name}: {failed}", file=sys.stderr)
                done[name] = {"failed": str(failed).splitlines()[0], **store.stamp()}
            store.save(options.out, name, done[name])
    print(show(done))
    sys.exit(0 if all(is_right(result) for result in done.values()) else 1)


def measure(pair: Pair, workers: int, options: argparse.Namespace) -> store.Result:
    """Return one pair's result: plain runs with the stopwatch, profiled ones between them."""
    result = store.stamp() | {"pair": pair.name, "workers": workers, "pair_digest": pair.digest()}
    steps, sides = pair.steps, pair.sides()
    truths, reports = _empty(sides), _empty(sides)
    while True:
        for index in range(options.runs):
            for side in sides:
                truths[side].append(run_truth(pair.command(side, workers, steps)))
                if index < options.profiled and len(reports[side]) < options.profiled:
                    reports[side].append(_profiled(pair, side, workers, options.record))
        truth = {side: score.combine(found) for side, found in truths.items()}
        spread = truth[sides[0]]["spread_points"]
        if spread <= score.STEADY_POINTS or steps >= LONGEST * pair.steps:
            break
        steps, truths = 2 * steps, _empty(sides)
    for side, found in truth.items():
        truth[side] = score.divide_compute(found, run_operators(pair.command(side, workers, PROFILED_STEPS)))
        for report in reports[side]:
            report["same_run"] = score.divide_compute(report["same_run"], truth[side]["operators_share"])
    result |= {"steps": steps, "truth": truth, "profiled_steps": PROFILED_STEPS}
    speedup = None
    if pair.slow is not None and options.lockstep:
        speedup = result["speedup"] = measured_speedup(pair, workers, options.lockstep)
    result["steady"] = spread <= score.STEADY_POINTS
    result["slow"] = [
        score.score_slow(pair, report, truth["slow"], truth["fixed"], speedup) | {"wall_s": report["wall_s"]}
        for report in reports.get("slow", ())
    ]
    result["fixed"] = [
        score.score_fixed(report, truth["fixed"]) | {"wall_s": report["wall_s"]}
        for report in reports["fixed"]
    ]
    return result


def measured_speedup(pair: Pair, workers: int, pairs: int) -> dict[str, Any]:
    """Return slow over fixed step time, both in turns, over fresh pairs of processes; with its interval."""
    os.environ.update(ONE_THREAD)
    fixed, slow = (
        ProfileOptions(script=words[0], arguments=words[1:])
        for side in ("fixed", "slow")
        for words in [pair.command(side, workers, 100 * pair.steps).arguments]
    )
    found = compare_in_turns(fixed, slow, pairs=pairs, turns=Turns(steps=pair.steps, seconds=30))
    return {"ratio": found.ratio, "low": found.low, "high": found.high, "pairs": found.pairs}


def _empty(sides: tuple[str, ...]) -> Truths:
    return {side: [] for side in sides}


def is_right(result: store.Result) -> bool:
    """Return whether a result has everything right."""
    return "failed" not in result and score.passes(result)


def show(results: dict[str, store.Result]) -> str:
    """Return the results as a Markdown table, the worst of several profiled runs in each cell."""
    head = (
        *("pair/workers", "step ms", "share of truth", "hotspot 1", "named", "finding 1", "category"),
        *("worst split error", "same run", "without CPU wait", "truth spread", "twin"),
        "speed-up said (measured)",
    )
    return store.table(head, [_row(name, result) for name, result in results.items()])


def _row(name: str, result: store.Result) -> tuple[object, ...]:
    if "failed" in result:
        return (name, *["-"] * 11, f"failed: {result['failed']}")
    alarms = sorted({rule for run in result["fixed"] for rule in run["alarms"]})
    slow, truth = result["slow"], result["truth"].get("slow", result["truth"]["fixed"])
    if not slow:
        step = f"{truth['median_step_ns'] / 1e6:.1f}"
        return (
            name,
            step,
            "clean",
            *["-"] * 7,
            f"{truth['spread_points']:.1f}",
            ", ".join(alarms) or "quiet",
            "-",
        )
    worst = max(slow, key=lambda run: float(run["worst_points"]))
    shares = sorted(truth["shares"].items(), key=lambda item: -item[1])[:2]
    predicted = worst["prediction"] or {"speedup": float("nan")}
    return (
        name,
        f"{truth['median_step_ns'] / 1e6:.1f}",
        ", ".join(f"{category} {100 * share:.1f} %" for category, share in shares),
        worst["hotspot_name"],
        _yes(all(run["hotspot_named"] for run in slow)),
        f"{worst['finding_rule']}: {_yes(all(run['finding_named'] for run in slow))}",
        f"{worst['category']}: {_yes(all(run['category_right'] for run in slow))}",
        f"{worst['errors_points'][worst['worst_category']]:+.1f} ({worst['worst_category']})",
        f"{max(run.get('worst_points_same_run', math.nan) for run in slow):.1f}",
        f"{worst['worst_points_unstarved']:.1f}",
        f"{truth['spread_points']:.1f}",
        ", ".join(alarms) or "quiet",
        f"{predicted['speedup']:.2f} ({worst['measured_speedup']:.2f})",
    )


def _yes(right: bool) -> str:
    return "yes" if right else "NO"


def _profiled(pair: Pair, side: str, workers: int, is_kept: bool) -> dict[str, Any]:
    """Return the report, with what the script's stopwatch read in the very steps that it counts as clean."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "truth.json"
        command = pair.command(side, workers, PROFILED_STEPS + SPARE)
        command = replace(command, environment=(*command.environment, ("TRUTH_OUT", str(out))))

        def look(run: Path) -> None:
            found["same_run"] = score.of_clean_steps(
                clean_ends(run), json.loads(out.read_text("utf-8"))["rows"]
            )
            if is_kept:
                recording.keep(run, name=f"{pair.name}-{workers}-{side}")

        report, wall_s = profile(command, PROFILED_STEPS, look=look)
    return report | {"wall_s": round(wall_s, 1)} | found


def clean_ends(run: Path) -> list[int]:
    """Return when each clean step of a run ended, on the monotonic clock."""
    directory = RunDirectory(run)
    (timeline, *_) = read_timelines(directory, directory.read_run())
    return [step.end_ns for step in timeline.steps if step.block.is_clean]


def _is_fresh(result: store.Result | None, pair: Pair) -> bool:
    if result is None or "failed" in result:
        return False
    same = (store.collector(), pair.digest())
    return (result["collector"], result["pair_digest"]) == same


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.truth")
    parser.add_argument("names", nargs="*", help="pairs to run; all where none is named")
    parser.add_argument("--pairs", type=Path, default=pairs.PAIRS, help="folder of pairs")
    parser.add_argument("--out", type=Path, default=KEPT, help="where results are kept")
    parser.add_argument("--resume", action="store_true", help="keep results of the same code")
    parser.add_argument("--workers", type=_numbers, default=(), help="only these, as 0,2")
    parser.add_argument("--runs", type=int, default=5, help="plain runs of each side")
    parser.add_argument("--profiled", type=int, default=1, help="profiled runs of each side")
    parser.add_argument("--lockstep", type=int, default=4, help="pairs in turns for the speed-up; 0: none")
    parser.add_argument("--record", action="store_true", help="keep the profiled runs in tests/golden/")
    return parser.parse_args()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


if __name__ == "__main__":
    main()
