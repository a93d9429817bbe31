"""Judge the regression rule: record many runs once, then replay whole checks on what was recorded.

    python -m benchmarks.regression record FOLDER [--minutes 60]   # goes on where it stopped
    python -m benchmarks.regression judge FOLDER [--out FILE]     # seconds; of what is there, however little

Recorded are lockstep pairs (for each script, component and planted size) and plain fresh processes, in time
order, one JSON line each, round by round. A check is replayed on blocks of consecutive values from
a random start: looks, early stop, confirmation, limit and blame are those of `throughput check`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
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
from throughput.compare.measured import sample_of
from throughput.compare.pairs import PairSample
from throughput.compare.rule import Decision, Evidence, Pairs, Settings, Stored, decide
from throughput.compare.verdict import Sides as Names
from throughput.compare.verdict import evidence_of, of_pairs
from throughput.errors import ThroughputError
from throughput.flows.check import Plan, lockstep_pair, profiled
from throughput.flows.sides import Sides
from throughput.model.verdict import Form, Outcome

SIZES = (0.0, 0.02, 0.05, 0.10)
PAIRS, RUNS = 40, 100
"""Of each script, component and size; of each script alone."""
FEW_PAIRS, FEW_RUNS = 8, 20
"""Fewer are not judged: a check takes five of them."""
FAILURES = 3
"""In a row, after which a job is left out of this session: its script doesn't run here."""
CHECKS = 2000
SAVED = 5
"""Processes of a saved benchmark."""
SEED = 5
RESULTS = Path(__file__).parent / "regression.json"
THRESHOLDS = {0.0: 0.05, 0.02: 0.01, 0.05: 0.025, 0.10: 0.05}
"""Planted size -> threshold of the check: half of it. At the size itself half of all estimates fall short."""
Line = dict[str, Any]


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

    @property
    def wanted(self) -> int:
        """How many lines make a whole recording."""
        return PAIRS if self.kind == "pair" else RUNS


def jobs() -> list[Job]:
    """Return every job; one round of them is recorded after the other, so that each sees every hour.

    Plain runs come in twos: they stand for the two sides of a check that runs them one after the other.
    """
    pairs = [
        Job(script=script, component=component, size=size, kind="pair")
        for script in SCRIPTS
        for component in COMPONENTS[script]
        for size in SIZES
        if size or component == COMPONENTS[script][0]
    ]
    runs = [Job(script=script, component="", size=0.0, kind="run") for script in SCRIPTS for _ in range(2)]
    return [*runs, *pairs]


def record(folder: Path, minutes: float) -> None:
    """Add lines to the folder's file until everything is recorded, or the time is over."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "recorded.jsonl"
    _end_last_line(file)
    done: dict[str, int] = {}
    for line in recorded(file):
        done[line["job"]] = done.get(line["job"], 0) + ("failed" not in line)
    failures: dict[str, int] = {}
    until = time.monotonic() + minutes * 60
    while True:
        open_jobs = [j for j in jobs() if done.get(j.key, 0) < j.wanted and failures.get(j.key, 0) < FAILURES]
        if not open_jobs:
            print("Everything is recorded." if not failures else "All that runs here is recorded.")
            return
        for job in open_jobs:
            if time.monotonic() > until:
                return
            line = _recorded(job, folder)
            with file.open("a", encoding="utf-8") as opened:
                opened.write(json.dumps(line) + "\n")
            failed = "failed" in line
            failures[job.key] = failures.get(job.key, 0) + 1 if failed else 0
            done[job.key] = done.get(job.key, 0) + (not failed)
            print(
                f"{job.key}: {line['failed'] if failed else f'{done[job.key]} of {job.wanted}'}", flush=True
            )


def recorded(file: Path) -> Iterator[Line]:
    """Yield the lines of a file; one that was cut off is left out."""
    for text in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else ():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("job"), str):
            yield line


def _end_last_line(file: Path) -> None:
    """End a line that was cut off, so that the next one stands alone."""
    if file.exists() and not file.read_bytes().endswith(b"\n"):
        with file.open("ab") as opened:
            opened.write(b"\n")


def _recorded(job: Job, folder: Path) -> Line:
    script = folder / f"{job.script}.py"
    script.write_text(SCRIPTS[job.script], encoding="utf-8")
    base = ProfileOptions(script=str(script), arguments=(job.component or "none", "0"))
    head = replace(base, arguments=(job.component or "none", str(job.size)))
    line: Line = {"job": job.key, "at": time.time(), "load": os.getloadavg()[0]}
    began = time.monotonic()
    try:
        if job.kind == "pair":
            sides = Sides(base=base, head=head, base_name="base", head_name="head")
            line["pair"] = asdict(lockstep_pair(sides, Plan(settings=Settings())))
        else:
            with tempfile.TemporaryDirectory() as out:
                made = profiled(replace(base, collectors=ALWAYS, steps=200), Path(out) / "run")
            line["sample"] = asdict(sample_of(made.analysis))
            line["steps_ns"] = [step.duration_ns for step in made.analysis.facts[0].attribution.steps]
    except ThroughputError as error:
        line["failed"] = error.what
    return line | {"seconds": round(time.monotonic() - began, 1)}


def judge(folder: Path, out: Path) -> None:
    """Replay checks on what was recorded; write and print how often each form and rule was right."""
    series: dict[str, list[Line]] = {}
    for line in recorded(folder / "recorded.jsonl"):
        if "failed" not in line:
            series.setdefault(line["job"], []).append(line)
    found: dict[str, Any] = {"schema": 1, **store.stamp()}
    found["recorded"] = {job.key: [len(series.get(job.key, [])), job.wanted] for job in jobs()}
    found |= {"lockstep": {}, "interleaved": {}, "stored": {}, "other rules": {}}
    for job in dict.fromkeys(jobs()):
        lines = series.get(job.key, [])
        if job.kind == "pair" and len(lines) >= FEW_PAIRS:
            found["lockstep"][job.key] = lockstep_rates(lines, job)
        elif job.kind == "run" and len(lines) >= FEW_RUNS:
            found["interleaved"][job.key] = interleaved_rates(lines)
            found["stored"][job.key] = stored_rates(lines)
            found["other rules"][job.key] = other_rates(
                [np.array(line["steps_ns"], dtype=np.float64) for line in lines]
            )
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


def lockstep_rates(lines: list[Line], job: Job) -> dict[str, Any]:
    """Return how checks of one script and planted size end, and whether they blame the right component."""
    pairs = [msgspec.convert(line["pair"], PairSample) for line in lines]
    seconds = float(np.mean([line.get("seconds", math.nan) for line in lines]))
    settings = Settings(threshold=THRESHOLDS[job.size])
    random = np.random.default_rng(SEED)
    names = Names(base="base", head="head")
    ends: dict[str, int] = {}
    blamed = used = 0
    for _ in range(CHECKS):
        chosen = [pairs[n] for n in _block(random, len(pairs), settings.most + settings.confirm)]
        decision, count = replay([evidence_of(chosen[:n]) for n in range(1, len(chosen) + 1)], settings)
        verdict = of_pairs(chosen[:count], decision, settings, Form.LOCKSTEP, names)
        ends[verdict.outcome.value] = ends.get(verdict.outcome.value, 0) + 1
        used += count
        part = verdict.part
        right = part is not None and part.component == job.component
        blamed += right and verdict.outcome is Outcome.SLOWER
    slower = ends.get("slower", 0)
    return {
        "independent_pairs": len(pairs),
        "threshold": settings.threshold,
        "ends": _shares(ends),
        "slower_interval": _interval(slower / CHECKS, len(pairs) / (used / CHECKS)),
        "blamed_right": blamed / slower if slower and job.size else None,
        "mean_pairs": used / CHECKS,
        "mean_seconds": None if math.isnan(seconds) else round(seconds * used / CHECKS, 1),
        "spread_of_a_pair": float(np.std([pair.log_ratio for pair in pairs], ddof=1)),
    }


def interleaved_rates(lines: list[Line]) -> dict[str, Any]:
    """Return how checks end that run the sides one after the other: runs in twos, head's with a factor."""
    logs = _logs(lines)
    ratios = logs[1::2] - logs[: len(logs) // 2 * 2 : 2]
    # As a check does, so that which comes first has no side.
    ratios[1::2] *= -1
    found: dict[str, Any] = {"independent_pairs": len(ratios), "spread_of_a_pair": float(ratios.std(ddof=1))}

    def looks(numbers: list[int], size: float) -> list[Evidence]:
        values = tuple((ratios[numbers] + math.log1p(size)).tolist())
        return [Pairs(logs=values[:n]) for n in range(1, len(values) + 1)]

    return found | _ends(len(ratios), 0, looks)


def stored_rates(lines: list[Line]) -> dict[str, Any]:
    """Return how checks against five saved processes end, on identical code and with a planted factor."""
    logs = _logs(lines)
    found: dict[str, Any] = {"independent_runs": len(logs), "spread_of_a_run": float(logs.std(ddof=1))}

    def looks(numbers: list[int], size: float) -> list[Evidence]:
        saved = tuple(logs[numbers[:SAVED]].tolist())
        now = tuple((logs[numbers[SAVED:]] + math.log1p(size)).tolist())
        return [Stored(saved=saved, now=now[:n]) for n in range(1, len(now) + 1)]

    return found | _ends(len(logs), SAVED, looks)


def _ends(length: int, saved: int, looks: Any) -> dict[str, Any]:
    """Return by planted factor how checks end, and the smallest change that they say they see."""
    settings = Settings()
    random = np.random.default_rng(SEED)
    found: dict[str, Any] = {}
    for size in SIZES:
        ends: dict[str, int] = {}
        seen = []
        for _ in range(CHECKS):
            evidence = looks(_block(random, length, saved + settings.most + settings.confirm), size)
            decision, count = replay(evidence, settings)
            outcome = decision.outcome or Outcome.UNSURE
            ends[outcome.value] = ends.get(outcome.value, 0) + 1
            seen.append(evidence[count - 1].sees() or math.nan)
        found[f"+{size:.0%}"] = _shares(ends)
        found.setdefault("median_sees", round(math.expm1(float(np.nanmedian(seen))), 4))
    return found


def _logs(lines: list[Line]) -> Any:
    """Return the log of each process's mean step, as a saved benchmark holds it: less waits for a CPU."""
    return np.log([float(line["sample"]["mean_ns"]) for line in lines])


def other_rates(times: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Return how often other tools' rules call a change on the same runs, by planted factor."""
    random = np.random.default_rng(SEED)
    found: dict[str, Any] = {}
    for name, rule in OTHERS.items():
        calls = {}
        for size in SIZES:
            count = 0
            for _ in range(CHECKS // 4):
                chosen = [times[n] for n in _block(random, len(times), 2 * SAVED)]
                count += rule(chosen[:SAVED], [one * (1 + size) for one in chosen[SAVED:]])
            calls[f"+{size:.0%}"] = count / (CHECKS // 4)
        found[name] = calls
    return found


def replay(looks: Sequence[Evidence], settings: Settings) -> tuple[Decision, int]:
    """Return how a check ends that gets one more value at a time, and how many it took."""
    for count, evidence in enumerate(looks, 1):
        found = decide(evidence, settings, last=count == len(looks))
        if found.outcome is not None:
            return found, count
    raise ValueError("no value to look at")


def _block(random: np.random.Generator, length: int, count: int) -> list[int]:
    """Return consecutive numbers from a random start, round the end, none twice: neighbours in time."""
    start = int(random.integers(length))
    return [(start + n) % length for n in range(min(count, length))]


def _shares(ends: dict[str, int]) -> dict[str, float]:
    return {name: number / CHECKS for name, number in sorted(ends.items())}


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
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    if asked.verb == "record":
        record(asked.folder, asked.minutes)
    elif not (asked.folder / "recorded.jsonl").exists():
        sys.exit(f"{asked.folder} holds no recording; record first")
    else:
        judge(asked.folder, asked.out)


if __name__ == "__main__":
    main()
