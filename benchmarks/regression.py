"""Judge the regression rule: record many runs once, then replay whole checks on what was recorded.

    python -m benchmarks.regression record FOLDER [--minutes 60]   # goes on where it stopped
    python -m benchmarks.regression judge FOLDER                  # seconds; writes benchmarks/regression.json

Recorded are lockstep pairs (for each script, component and planted size) and plain fresh processes, in time
order, one JSON line each. A check is replayed on blocks of consecutive values from a random start: looks,
early stop, confirmation and limit are those of `throughput check`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks import store
from benchmarks.regression_rules import OTHERS
from benchmarks.regression_scripts import COMPONENTS, SCRIPTS
from throughput.collect.options import ALWAYS, ProfileOptions
from throughput.compare import parts
from throughput.compare.pairs import PairSample
from throughput.compare.rule import Evidence, Pairs, Settings, Stored, decide
from throughput.errors import ThroughputError
from throughput.flows.check import Plan, lockstep_pair, profiled
from throughput.flows.sides import Sides
from throughput.model.verdict import Mark, Outcome

SIZES = (0.0, 0.02, 0.05, 0.10)
PAIRS, RUNS = 40, 100
"""Of each script, component and size; of each script alone."""
CHECKS = 2000
SEED = 5
RESULTS = Path(__file__).parent / "regression.json"
THRESHOLDS = {0.0: 0.05, 0.02: 0.01, 0.05: 0.025, 0.10: 0.05}
"""Planted size -> threshold of the check: half of it. At the size itself half of all estimates fall short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is recorded as one line: a pair in lockstep, or a plain process."""

    script: str
    component: str
    size: float
    kind: str

    @property
    def key(self) -> str:
        """What lines of the same job have in common."""
        return f"{self.kind} {self.script} {self.component} {self.size:g}"


def jobs() -> list[Job]:
    """Return every job; one round of them is recorded after the other, so that each sees every hour."""
    pairs = [
        Job(script=script, component=component, size=size, kind="pair")
        for script in SCRIPTS
        for component in COMPONENTS[script]
        for size in SIZES
        if size or component == COMPONENTS[script][0]
    ]
    runs = [Job(script=script, component="", size=0.0, kind="run") for script in SCRIPTS]
    return [*runs, *runs, *pairs]


def record(folder: Path, minutes: float) -> None:
    """Add lines to the folder's file until everything is recorded, or the time is over."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "recorded.jsonl"
    done: dict[str, int] = {}
    for line in recorded(file):
        done[line["job"]] = done.get(line["job"], 0) + 1
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        open_jobs = [job for job in jobs() if done.get(job.key, 0) < (PAIRS if job.kind == "pair" else RUNS)]
        if not open_jobs:
            print("Everything is recorded.")
            return
        for job in open_jobs:
            if time.monotonic() > until:
                return
            line = _recorded(job, folder)
            with file.open("a", encoding="utf-8") as opened:
                opened.write(json.dumps(line) + "\n")
            done[job.key] = done.get(job.key, 0) + 1
            print(f"{job.key}: {done[job.key]}", flush=True)


def recorded(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file; the last one may have been cut off."""
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _recorded(job: Job, folder: Path) -> dict[str, Any]:
    script = folder / f"{job.script}.py"
    script.write_text(SCRIPTS[job.script], encoding="utf-8")
    base = ProfileOptions(script=str(script), arguments=(job.component or "none", "0"))
    head = replace(base, arguments=(job.component or "none", str(job.size)))
    line: dict[str, Any] = {"job": job.key, "at": time.time()}
    try:
        if job.kind == "pair":
            sides = Sides(base=base, head=head, base_name="base", head_name="head")
            return line | {"pair": asdict(lockstep_pair(sides, Plan(settings=Settings())))}
        with tempfile.TemporaryDirectory() as out:
            made = profiled(replace(base, collectors=ALWAYS, steps=200), Path(out) / "run")
        steps = [step.duration_ns for step in made.analysis.facts[0].attribution.steps]
        return line | {"steps_ns": steps}
    except ThroughputError as error:
        return line | {"failed": error.what}


def judge(folder: Path) -> None:
    """Replay checks on what was recorded; write and print how often each form and rule was right."""
    series: dict[str, list[dict[str, Any]]] = {}
    for line in recorded(folder / "recorded.jsonl"):
        if "failed" not in line:
            series.setdefault(line["job"], []).append(line)
    found: dict[str, Any] = {"schema": 1, **store.stamp(), "lockstep": {}, "stored": {}, "other rules": {}}
    for job in jobs():
        lines = series.get(job.key, [])
        if job.kind == "pair" and len(lines) >= 8:
            found["lockstep"][job.key] = lockstep_rates(lines, job)
        elif job.kind == "run" and len(lines) >= 20:
            times = [np.array(line["steps_ns"], dtype=np.float64) for line in lines]
            found["stored"][job.key] = stored_rates(times)
            found["other rules"][job.key] = other_rates(times)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


def lockstep_rates(lines: list[dict[str, Any]], job: Job) -> dict[str, Any]:
    """Return how checks of one script and planted size end, and whether they blame the right component."""
    pairs = [_pair(line["pair"]) for line in lines]
    settings = Settings(threshold=THRESHOLDS[job.size])
    random = np.random.default_rng(SEED)
    ends: dict[str, int] = {}
    blamed = used = 0
    for _ in range(CHECKS):
        chosen = [pairs[n] for n in _block(random, len(pairs), settings.most + settings.confirm)]
        outcome, count = replay([_evidence(chosen[:n]) for n in range(1, len(chosen) + 1)], settings)
        ends[outcome.value] = ends.get(outcome.value, 0) + 1
        used += count
        rows = [row for row in parts.of_pairs(chosen[:count]) if row.mark is Mark.CHANGED]
        blamed += outcome is Outcome.SLOWER and bool(rows) and rows[0].component == job.component
    slower = ends.get("slower", 0)
    return {
        "independent_pairs": len(pairs),
        "threshold": settings.threshold,
        "ends": {name: number / CHECKS for name, number in sorted(ends.items())},
        "slower_interval": _interval(slower / CHECKS, len(pairs) / 5),
        "blamed_right": blamed / slower if slower and job.size else None,
        "mean_pairs": used / CHECKS,
        "spread_of_a_pair": float(np.std([pair.log_ratio for pair in pairs], ddof=1)),
    }


def stored_rates(times: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Return how checks against five saved processes end, on identical code and with a planted factor."""
    logs = np.log([time_.mean() for time_ in times])
    settings = Settings()
    random = np.random.default_rng(SEED)
    found: dict[str, Any] = {"independent_runs": len(times), "spread_of_a_run": float(logs.std(ddof=1))}
    for size in SIZES:
        ends: dict[str, int] = {}
        for _ in range(CHECKS):
            need = 5 + settings.most + settings.confirm
            numbers = _block(random, len(logs), min(need, len(logs)))
            saved, now = logs[numbers[:5]], logs[numbers[5:]] + math.log1p(size)
            looks = [Stored(saved=tuple(saved), now=tuple(now[:n])) for n in range(1, len(now) + 1)]
            outcome, _ = replay(looks, settings)
            ends[outcome.value] = ends.get(outcome.value, 0) + 1
        found[f"+{size:.0%}"] = {name: number / CHECKS for name, number in sorted(ends.items())}
    return found


def other_rates(times: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Return how often other tools' rules call a change on the same runs, by planted factor."""
    random = np.random.default_rng(SEED)
    found: dict[str, Any] = {}
    for name, rule in OTHERS.items():
        calls = {}
        for size in SIZES:
            count = 0
            for _ in range(CHECKS // 4):
                chosen = [times[n] for n in _block(random, len(times), 10)]
                count += rule(chosen[:5], [one * (1 + size) for one in chosen[5:]])
            calls[f"+{size:.0%}"] = count / (CHECKS // 4)
        found[name] = calls
    return found


def replay(looks: Sequence[Evidence], settings: Settings) -> tuple[Outcome, int]:
    """Return how a check ends that gets one more value at a time, and how many it took."""
    for count, evidence in enumerate(looks, 1):
        found = decide(evidence, settings, last=count == len(looks))
        if found.outcome is not None:
            return found.outcome, count
    return Outcome.UNSURE, len(looks)


def _evidence(pairs: list[PairSample]) -> Pairs:
    return Pairs(
        logs=tuple(pair.log_ratio for pair in pairs), errors=tuple(pair.error or 0.0 for pair in pairs)
    )


def _block(random: np.random.Generator, length: int, count: int) -> list[int]:
    """Return consecutive numbers from a random start, round the end: neighbours in time stay neighbours."""
    start = int(random.integers(length))
    return [(start + n) % length for n in range(count)]


def _pair(plain: dict[str, Any]) -> PairSample:
    return msgspec.convert(plain, PairSample)


def _interval(share: float, independent: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share for the number of independent checks behind it."""
    z, n = 1.96, max(independent, 1.0)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def main() -> None:
    """Record or judge."""
    parser = argparse.ArgumentParser(description="Judge the regression rule on recorded runs.")
    parser.add_argument("verb", choices=("record", "judge"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    asked = parser.parse_args()
    if asked.verb == "record":
        record(asked.folder, asked.minutes)
    elif not (asked.folder / "recorded.jsonl").exists():
        sys.exit(f"{asked.folder} holds no recording; record first")
    else:
        judge(asked.folder)


if __name__ == "__main__":
    main()
