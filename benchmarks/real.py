"""Profile real training programs, and check step count, split and verdict against experiments of their own.

THROUGHPUT_PROGRAMS=DIR python -m benchmarks.real [NAMES] [--resume]

For each: an unprofiled run that counts steps (`inside.py`), a profiled run to the program's end whose count
must be the same, a profiled run of 100 steps, and an experiment on the unprofiled program: training from
cached batches where loading is the bottleneck, else the named line slowed by a known time.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import store
from benchmarks.catalogue import PROGRAMS, STEPS, Program
from benchmarks.runs import LIMIT_S, Command, RunFailed, profile

KEPT = store.HERE / "real.json"
PROFILED_STEPS = 100
SETTLED = 20
"""Steps left out of a plain run's timing: warm-up of the program itself."""
ADDED_SHARE = 0.3
"""A slowed line adds about this much of a step: well above the noise, and the balance stays."""
POINTS = 10.0
"""Training from cached batches may differ from the report's loading share by this much of the step."""
LEVERAGE = (0.75, 1.25)
"""A line on the critical path lengthens the step by what it was slowed; a hidden one by less."""
LEAST_CALLS = 0.5
"""A line that runs more seldom, such as the call of a trainer, is not the one to slow."""
RUNS_MAX, ERROR_MAX = 4, 0.08
"""An experiment is repeated until the standard error is this part of the time added."""
AFTER_TURN = 8
"""Steps left out after each turn of a change: batches made before it are used up by then."""

Json = dict[str, Any]


def main() -> None:
    """Run the programs asked for, keep each result at once, print the table."""
    options = _parse()
    kept = store.load(options.out) if options.resume else {}
    results: dict[str, store.Result] = {}
    for program in PROGRAMS:
        if options.names and not any(name in program.name for name in options.names):
            continue
        old = kept.get(program.name)
        if old and old["collector"] == store.collector() and "failed" not in old:
            results[program.name] = old
            continue
        reason = program.missing()
        if reason:
            print(f"{program.name}: skipped, {reason}", file=sys.stderr)
            continue
        print(f"{program.name} ...", file=sys.stderr, flush=True)
        results[program.name] = check(program)
        store.save(options.out, program.name, results[program.name])
    print(show(results))
    sys.exit(0 if results and all(is_right(result) for result in results.values()) else 1)


def check(program: Program) -> store.Result:
    """Return one program's result; a step of it that fails leaves the rest, and says so."""
    result: store.Result = store.stamp() | {"program": program.name}
    with tempfile.TemporaryDirectory() as folder:
        command = program.set_up(Path(folder))
        try:
            result |= compare_counts(program, command)
            report, wall_s = profile(command, PROFILED_STEPS)
            result |= describe(report) | {"wall_s": round(wall_s, 1)}
            result["experiment"] = experiment(program, command, report)
        except RunFailed as failed:
            result["failed"] = str(failed)[-600:].replace(folder, "SCRATCH")
    return result


def compare_counts(program: Program, command: Command) -> Json:
    """Return the program's own number of steps beside the report's, both to the program's end."""
    expected = len(steps_of(program, run_inside(command)))
    # A window that never fills: every step is kept, or counted as warm-up.
    report, _ = profile(command, 10 * STEPS)
    window = report["run"]["window"]
    seen = window["kept"] + window["warmup"] + window["dropped"]
    return {"steps": expected, "steps_seen": seen, "step_rule": window["step_rule"]}


def describe(report: Json) -> Json:
    """Return what the report of 100 steps says: its split, whether that sums, and what it names first."""
    shares = {row["category"]: row["share"] or 0.0 for row in report["split"]}
    hotspot = next(iter(report["hotspots"]), None)
    finding = next(iter(report["findings"]), None)
    throughput = report["throughput"]
    return {
        "window": report["run"]["window"],
        "split": {name: round(share, 4) for name, share in shares.items()},
        "split_sum": sum(shares.values()),
        "step_ms": throughput["step_ns"]["mean"] / 1e6 if throughput else None,
        "verdict": report["headline"]["sentence"],
        "hotspot": hotspot and {key: hotspot[key] for key in ("name", "file", "line", "category", "share")},
        "finding": finding and finding["rule"],
    }


def experiment(program: Program, command: Command, report: Json) -> Json:
    """Return what an experiment on the unprofiled program says of the report's verdict."""
    split = {row["category"]: row["share"] or 0.0 for row in report["split"]}
    if program.uses_loader and max(split, key=split.__getitem__) == "data_loading":
        return try_cached(program, command, split["data_loading"])
    found: Json = {"kind": "none", "confirms": False, "reason": "no hotspot in a file that can be found"}
    for place in find_lines(report, command):
        found = {"kind": "slowed", "line": Path(place).name} | try_slowed(program, command, place)
        if "leverage" in found:
            break
    return found


def try_cached(program: Program, command: Command, said: float) -> Json:
    """Return what training from cached batches saves, beside the share of loading that the report says."""
    times = in_turns(program, run_inside(command, "--cached"))
    saved = 1 - times["changed_ms"] / times["plain_ms"]
    near = abs(saved - said) * 100 <= POINTS
    return {"kind": "cached", "report_share": said, "saved_share": saved, "confirms": near, **times}


def try_slowed(program: Program, command: Command, place: str) -> Json:
    """Return how much of the time that one line was slowed by shows in the step."""
    counted = run_inside(command, "--slow", f"{place}:0")
    at = steps_of(program, counted)
    calls = counted["executions"] / max(1, len(at))
    if calls < LEAST_CALLS:
        return {"confirms": False, "reason": f"executed {calls:.3f} times a step"}
    spin_ns = int(ADDED_SHARE * step_time(at) / calls)
    added = calls * spin_ns / 1e6
    runs: list[Json] = []
    while len(runs) < RUNS_MAX and (not runs or _error(runs) > ERROR_MAX * added):
        runs.append(in_turns(program, run_inside(command, "--slow", f"{place}:{spin_ns}")))
    times = _pooled(runs)
    leverage = (times["changed_ms"] - times["plain_ms"]) / added
    near = LEVERAGE[0] <= leverage <= LEVERAGE[1]
    return {"added_ms": added, "calls_per_step": calls, "leverage": leverage, "confirms": near, **times}


def in_turns(program: Program, found: Json) -> Json:
    """Return the step time of a run's plain blocks and of its changed ones.

    Each changed block is compared with the plain ones beside it, and the median difference counts: a machine
    that gets faster or slower meanwhile, or one block with something else in it, doesn't matter.

    Raises:
        RunFailed: too few blocks to compare.
    """
    at, turns = steps_of(program, found), found["turned_ns"]
    blocks = [[end for end in at if begin < end <= until] for begin, until in itertools.pairwise(turns)]
    # Even ones are changed: the first block, before the first turn, is left out as warm-up.
    means = [_typical(ends[min(AFTER_TURN, len(ends) // 3) :]) for ends in blocks]
    plain = means[1::2]
    between = [
        (changed - (before + after) / 2, (before + after) / 2)
        for before, changed, after in zip(plain, means[2::2], plain[1:], strict=False)
    ]
    if len(between) < 2:
        raise RunFailed(f"{len(at)} steps make too few blocks to compare")
    differences = sorted(difference for difference, _ in between)
    usual = statistics.median(level for _, level in between)
    return {
        "plain_ms": usual / 1e6,
        "changed_ms": (usual + statistics.median(differences)) / 1e6,
        "differences_ms": [round(difference / 1e6, 3) for difference in differences],
    }


def _typical(ends: list[int]) -> float:
    """Return the mean length of a block's steps, without its longest tenth."""
    lengths = sorted(b - a for a, b in itertools.pairwise(ends))
    kept = lengths[: max(1, len(lengths) * 9 // 10)]
    return sum(kept) / len(kept) if kept else float("nan")


def _error(runs: list[Json]) -> float:
    """Return the standard error of the runs' mean difference, ms."""
    differences: list[float] = [ms for run in runs for ms in run["differences_ms"]]
    return statistics.stdev(differences) / math.sqrt(len(differences))


def _pooled(runs: list[Json]) -> Json:
    """Return the times of several runs together: the median of all differences."""
    differences = sorted(ms for run in runs for ms in run["differences_ms"])
    plain = statistics.median(run["plain_ms"] for run in runs)
    changed = plain + statistics.median(differences)
    return {"plain_ms": plain, "changed_ms": changed, "differences_ms": differences, "runs": len(runs)}


def find_lines(report: Json, command: Command) -> list[str]:
    """Return the first hotspot's line as FILE:LINE, and its caller's; the program's own code first."""
    hotspot = next(iter(report["hotspots"]), None)
    if hotspot is None:
        return []
    places = [place for place in (hotspot, hotspot["caller"]) if place]
    return [
        f"{folder / place['file']}:{place['line']}"
        for folders in (own_folders(command), [Path(entry) for entry in sys.path if entry])
        for place in places
        for folder in folders
        if (folder / place["file"]).is_file()
    ]


def own_folders(command: Command) -> list[Path]:
    """Return where the program's own files may lie: the working folder, and the script's or the module's."""
    assert command.cwd is not None
    if command.arguments[0] != "-m":
        return [command.cwd, (command.cwd / command.arguments[0]).parent]
    spec = importlib.util.find_spec(command.arguments[1])
    return [command.cwd, *([Path(spec.origin).parent] if spec and spec.origin else [])]


def steps_of(program: Program, found: Json) -> list[int]:
    """Return when each step ended: of the rarest optimizer with three steps or more, or of backwards."""
    often = [entry["at_ns"] for entry in found["optimizers"] if len(entry["at_ns"]) >= 3]
    times: list[int] = (
        min(often, key=len) if program.counts == "optimizer" and often else found["backward_ns"]
    )
    return times


def step_time(at: list[int]) -> float:
    """Return the mean step in ns, without the program's own warm-up and the slowest twentieth."""
    lengths = sorted(b - a for a, b in zip(at[SETTLED:], at[SETTLED + 1 :], strict=False))
    kept = lengths[: max(1, len(lengths) * 19 // 20)]
    return sum(kept) / len(kept) if kept else float("nan")


def run_inside(command: Command, *change: str) -> Json:
    """Return what `inside.py` counted in an unprofiled run.

    Raises:
        RunFailed: the program ended with another code than 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts.json"
        inside = str(store.HERE / "inside.py")
        done = subprocess.run(
            [sys.executable, inside, str(out), *change, "--", *command.arguments],
            check=False,
            cwd=command.cwd,
            env=command.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
        )
        if done.returncode != 0 or not out.exists():
            raise RunFailed("unprofiled run failed: " + "\n".join(done.stderr.strip().splitlines()[-4:]))
        found: Json = json.loads(out.read_text(encoding="utf-8"))
        return found


def is_right(result: store.Result) -> bool:
    """Return whether count, split and experiment all agree with the report."""
    if "failed" in result or result["steps"] != result["steps_seen"]:
        return False
    return abs(result["split_sum"] - 1) < 1e-3 and bool(result["experiment"].get("confirms"))


def show(results: dict[str, store.Result]) -> str:
    """Return the results as a Markdown table."""
    head = (
        "program",
        "steps: own",
        "report's",
        "split sums",
        "step ms",
        "verdict",
        "hotspot 1",
        "experiment",
    )
    return store.table(head, [_row(name, result) for name, result in results.items()])


def _row(name: str, result: store.Result) -> tuple[object, ...]:
    if "failed" in result:
        return (
            name,
            result.get("steps", "-"),
            *["-"] * 5,
            "failed: " + result["failed"].splitlines()[-1][:80],
        )
    top = max(result["split"].items(), key=lambda item: float(item[1]))
    hotspot = result["hotspot"] or {"name": "-", "share": 0.0}
    return (
        name,
        result["steps"],
        result["steps_seen"],
        f"{result['split_sum']:.4f}",
        f"{result['step_ms'] or 0:.1f}",
        f"{top[0]} {100 * top[1]:.0f} %",
        f"{hotspot['name']} {100 * hotspot['share']:.0f} %",
        _experiment_text(result["experiment"]),
    )


def _experiment_text(found: Json) -> str:
    sign = "yes" if found.get("confirms") else "NO"
    if found["kind"] == "cached":
        saved, said = 100 * found["saved_share"], 100 * found["report_share"]
        return f"{sign}: cached batches save {saved:.0f} %, report says {said:.0f} %"
    if "leverage" in found:
        longer = found["changed_ms"] - found["plain_ms"]
        return f"{sign}: {found['line']} slowed by {found['added_ms']:.1f} ms, step longer by {longer:.1f}"
    return f"{sign}: {found['kind']}, {found['reason']}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.real")
    parser.add_argument("names", nargs="*", help="parts of names; all where none is given")
    parser.add_argument("--out", type=Path, default=KEPT, help="where results are kept")
    parser.add_argument("--resume", action="store_true", help="keep results of the same code")
    return parser.parse_args()


if __name__ == "__main__":
    main()
