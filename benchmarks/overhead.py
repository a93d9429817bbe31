"""Measure what profiling costs: clean steps, the tool's own CPU, and the whole time to the answer.

python -m benchmarks.overhead [--pairs 20] [--loops 512x512,2048x16]

Each pair is two fresh processes of the same loop, plain and profiled, which notes wall, CPU and run-queue
wait itself. Clean steps are compared in lockstep: the two take turns, block by block, while both are
alive, on the same CPU and with their weights on huge pages: without these two, identical processes differ
by a tenth. The whole time to the answer comes from a second pair, one after the other. Clean are the steps
that the report counts as clean, after its warm-up. What the tool runs beside the script takes CPU from both
sides alike, so it shows in the tool's CPU a second, not in these ratios.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks import lockstep, store
from benchmarks.runs import Command, profile, run_plain

KEPT = store.HERE / "overhead.json"
LOOP = store.HERE / "overhead_loop.py"
PROFILED_STEPS = 200
SPARE = 120
"""Steps beyond the window: warm-up and drops, whatever they come to."""
RESAMPLES = 2000
"""Bootstrap resamples of pairs: the interval's ends settle to a tenth of their width."""
TURN_NS = 60_000_000
"""A turn: the span over which a machine's speed hardly changes."""
TURN_STEPS_MAX = 16
"""Several turns have to fit into the clean steps, a quarter to two thirds of those that are profiled."""
TRIED_STEPS = 40
"""To learn how many steps fill a turn."""
WHOLE_EVERY = 5
"""One pair of whole runs for so many in lockstep: their figures need no such precision."""

ALIKE = (("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"), ("PYTHONHASHSEED", "0"))
"""The two sides' memory is laid out alike."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loop:
    """A network of so many hidden units, trained on batches of so many samples."""

    width: int
    batch: int

    @property
    def name(self) -> str:
        """What its result is kept under."""
        return f"width {self.width}, batch {self.batch}"

    def words(self, out: Path, steps: int, block: int) -> tuple[str, ...]:
        """Return the words that run it, after the interpreter."""
        return (str(LOOP), str(out), *map(str, (steps, self.width, self.batch, block)))


def main() -> None:
    """Measure each width, keep each result at once, print the table."""
    options = _parse()
    results: dict[str, store.Result] = {}
    for loop in options.loops:
        print(f"{loop.name} ...", file=sys.stderr, flush=True)
        results[loop.name] = measure(loop, options.pairs)
        store.save(options.out, loop.name, results[loop.name])
    print(show(results))


def measure(loop: Loop, pairs: int) -> store.Result:
    """Return the cost of clean steps over lockstep pairs, and that of whole runs over a few more pairs."""
    result = store.stamp() | {
        "pairs": pairs,
        "width": loop.width,
        "batch": loop.batch,
        "profiled_steps": PROFILED_STEPS,
    }
    block = steps_of_turn(loop)
    found = [compare_clean(loop, block) for _ in range(pairs)]
    keys = ("cpu_ratio", "wall_ratio", "cpu_added_us", "wall_added_us")
    result |= {key: interval([pair[key] for pair in found]) for key in keys}
    result["step_ms"] = median(pair["step_ms"] for pair in found)
    whole = [compare_whole(loop) for _ in range(max(1, pairs // WHOLE_EVERY))]
    return result | {key: median(pair[key] for pair in whole) for key in whole[0]}


def steps_of_turn(loop: Loop) -> int:
    """Return how many steps of the loop make a turn."""
    (edges, *_) = run_whole(loop, TRIED_STEPS, profiled=False)["blocks"]
    fill = int(TURN_NS / median(b[0] - a[0] for a, b in pairwise(edges)))
    return min(max(1, fill), TURN_STEPS_MAX)


def compare_clean(loop: Loop, block: int) -> Json:
    """Return one lockstep pair's figures, of turns of so many steps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def side(name: str) -> Command:
            words = loop.words(folder / f"{name}.json", PROFILED_STEPS + SPARE, block)
            return Command(arguments=(*words, str(folder / name)), environment=ALIKE)

        plain, profiled = side("plain"), side("profiled")
        _, (report, _) = lockstep.take_turns(
            folder, lambda: run_plain(plain), lambda: profile(profiled, PROFILED_STEPS)
        )
        sides = [json.loads((folder / f"{side}.json").read_text("utf-8")) for side in ("plain", "profiled")]
    window = report["run"]["window"]
    clean = (window["warmup"], window["warmup"] + window["clean"])
    cpu, wall = (lockstep.ratio(sides[0], sides[1], clean, cpu=cpu) for cpu in (True, False))
    plain_cpu, plain_wall = (
        mean(lockstep.block_costs(sides[0]["blocks"][2:], cpu=cpu)) for cpu in (True, False)
    )
    return {
        "cpu_ratio": cpu,
        "wall_ratio": wall,
        "cpu_added_us": (cpu - 1) * plain_cpu / 1e3,
        "wall_added_us": (wall - 1) * plain_wall / 1e3,
        "step_ms": plain_wall / 1e6,
    }


def compare_whole(loop: Loop) -> Json:
    """Return what a whole profile costs beside a plain run of as many steps."""
    plain = run_whole(loop, PROFILED_STEPS, profiled=False)
    profiled = run_whole(loop, PROFILED_STEPS + SPARE, profiled=True)
    taken = sum(len(block) for block in profiled["blocks"])
    stepping_s = (plain["ended_ns"] - plain["began_ns"]) / 1e9
    start_up_s = plain["wall_s"] - stepping_s
    stepping_s *= taken / PROFILED_STEPS
    return {
        "tool_cpu_per_s": (profiled["cpu_s"] - profiled["cpu_ns"] / 1e9) / profiled["wall_s"],
        "after_last_step_s": profiled["after_s"],
        "time_to_answer_ratio": profiled["wall_s"] / (start_up_s + stepping_s),
        # The aim: plain start-up, 1.5 times the plain steps, and 5 s.
        "allowed_ratio": (start_up_s + 1.5 * stepping_s + 5) / (start_up_s + stepping_s),
    }


def run_whole(loop: Loop, steps: int, *, profiled: bool) -> Json:
    """Return what the loop noted, with the wall and the CPU time of all that ran."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "edges.json"
        command = Command(arguments=loop.words(out, steps, steps))
        before, began = children_cpu_s(), time.monotonic()
        if profiled:
            profile(command, PROFILED_STEPS)
        else:
            run_plain(command)
        ended = time.monotonic()
        noted: Json = json.loads(out.read_text(encoding="utf-8"))
    after_s = ended - noted["ended_ns"] / 1e9
    return noted | {"wall_s": ended - began, "cpu_s": children_cpu_s() - before, "after_s": after_s}


def interval(values: list[float]) -> Json:
    """Return the median with its 95 % bootstrap interval over pairs."""
    draw = random.Random(0)
    medians = sorted(median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return {
        "median": median(values),
        "low": medians[int(0.025 * RESAMPLES)],
        "high": medians[int(0.975 * RESAMPLES) - 1],
    }


def children_cpu_s() -> float:
    """Return the CPU time of all that this process has started and waited for, and what those waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(results: dict[str, store.Result]) -> str:
    """Return the results as a Markdown table."""
    head = (
        *("loop", "step ms", "CPU a step", "wall less run queue", "added us a step"),
        *("tool's CPU a second", "after last step s", "time to answer (allowed)"),
    )
    rows: list[tuple[object, ...]] = [
        (
            name,
            f"{result['step_ms']:.2f}",
            _ratio(result["cpu_ratio"]),
            _ratio(result["wall_ratio"]),
            f"{result['wall_added_us']['median']:.0f}",
            f"{result['tool_cpu_per_s']:.2f}",
            f"{result['after_last_step_s']:.1f}",
            f"x{result['time_to_answer_ratio']:.2f} (x{result['allowed_ratio']:.2f})",
        )
        for name, result in results.items()
    ]
    return store.table(head, rows)


def _ratio(found: Json) -> str:
    return f"{found['median']:.4f} ({found['low']:.4f} to {found['high']:.4f})"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.overhead")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of fresh processes")
    parser.add_argument(
        "--loops",
        type=parse_loops,
        default=parse_loops("512x512,2048x16"),
        help="width x batch, as 512x512,2048x16",
    )
    parser.add_argument("--out", type=Path, default=KEPT, help="where results are kept")
    return parser.parse_args()


def parse_loops(text: str) -> tuple[Loop, ...]:
    """Return the loops of a text as 512x512,2048x16."""
    return tuple(Loop(*map(int, word.split("x"))) for word in text.split(","))


if __name__ == "__main__":
    main()
