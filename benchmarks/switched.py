"""Measure what the hooks that are always on add to a step, on and off by turns in one process.

python -m benchmarks.switched [--loops 256x512,1024x16] [--steps 800]

Two processes of one loop differ by more than hooks cost; here both sides are the same process, a few steps
apart. Only CPU time in the light steps counts, and a turn's first step, which meets cold code, does not. What
stays in both sides is what lies in neither: the tool's own process, py-spy's reading, memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from itertools import groupby, pairwise
from pathlib import Path
from statistics import mean, median

from benchmarks import store
from benchmarks.overhead import ALIKE, Json, Loop, interval, parse_loops
from benchmarks.runs import Command, profile

LOOP = store.HERE / "switched_loop.py"
KEPT = store.HERE / "switched.json"
TURN = 8
"""Steps: so many that the first can be left out, so few that the machine is the same in the next turn."""
LIGHT = 2
"""Number of the controller's block of light steps."""


def main() -> None:
    """Measure each loop, keep each result at once, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.switched")
    parser.add_argument("--loops", type=parse_loops, default=parse_loops("256x512,1024x16"))
    parser.add_argument("--steps", type=int, default=800, help="steps with hooks, half of them light")
    parser.add_argument("--out", type=Path, default=KEPT, help="where results are kept")
    options = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    for loop in options.loops:
        print(f"{loop.name} ...", file=sys.stderr, flush=True)
        result = measure(loop, options.steps)
        store.save(options.out, loop.name, result)
        added = result["added_us"]
        span = f"{added['median']:.0f} ({added['low']:.0f} to {added['high']:.0f})"
        rows.append((loop.name, f"{result['step_ms']:.2f}", span, f"{result['ratio']:.4f}", result["turns"]))
    print(store.table(("loop", "step ms", "added us a step", "ratio", "turns with hooks"), rows))


def measure(loop: Loop, steps: int) -> store.Result:
    """Return what hooks add to a step's CPU time, with its interval over turns."""
    result = store.stamp() | {"width": loop.width, "batch": loop.batch, "profiled_steps": steps}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        words = (str(LOOP), str(out), str(loop.width), str(loop.batch), str(TURN))
        profile(Command(arguments=words, environment=ALIKE), steps)
        added, plain = of_turns(json.loads(out.read_text(encoding="utf-8")))
    found: Json = interval(added)
    return result | {
        "turns": len(added),
        "step_ms": plain / 1e3,
        "added_us": found,
        "ratio": 1 + found["median"] / plain,
    }


def of_turns(rows: list[tuple[int, bool, int]]) -> tuple[list[float], float]:
    """Return what each turn with hooks took beyond its neighbours, and a step's time without, in us."""
    lengths = [(now[1], now[2] == LIGHT, (now[0] - before[0]) / 1e3) for before, now in pairwise(rows)]
    turns = [
        (is_on, mean(length for *_, length in steps[1:]))
        for is_on, steps in ((key, list(group)) for key, group in groupby(lengths, key=lambda row: row[0]))
        if len(steps) == TURN and all(is_light for _, is_light, _ in steps)
    ]
    added = [
        with_hooks - (before + after) / 2
        for (_, before), (is_on, with_hooks), (_, after) in zip(turns, turns[1:], turns[2:], strict=False)
        if is_on
    ]
    return added, median(length for is_on, length in turns if not is_on)


if __name__ == "__main__":
    main()
