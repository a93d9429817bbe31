"""Say how much of a script's own compute phases operators run: the rest is Python between them, host work.

python operators.py OUT SCRIPT ARGS

The script's stopwatch can't look inside its phases. Here torch.profiler alone watches some of its steps, and
the time within operators is laid over the edges of the phases. Imports nothing of ours.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import time
from pathlib import Path
from typing import Any

WATCHED = 40
"""Steps under torch.profiler: enough for a share to half a point, few enough to keep in memory."""

OPERATORS = ("aten::", "autograd::engine::evaluate_function")
"""Operators, and the nodes of a backward pass, which run operators and no Python."""

Spans = list[tuple[int, int]]


class Watch:
    """Wraps the stopwatch's `enter` and `step`: keeps compute phases, and starts and stops torch.profiler."""

    def __init__(self, out: Path, stopwatch: Any) -> None:
        self.out, self.kind, self.warm_up = out, stopwatch.Stopwatch, stopwatch.WARM_UP
        self.phases: Spans = []
        self.profiler: Any = None
        self.steps = 0
        self.began: int | None = None
        self.enter, self.step = self.kind.enter, self.kind.step

        def enter(stopwatch: Any, phase: str) -> str:
            return self.entered(stopwatch, phase)

        def step(stopwatch: Any) -> None:
            self.stepped(stopwatch)

        self.kind.enter, self.kind.step = enter, step

    def entered(self, watch: Any, phase: str) -> str:
        """Note the edges of compute phases on the profiler's clock."""
        now = time.time_ns()
        if self.began is not None and self.profiler is not None:
            self.phases.append((self.began, now))
        self.began = now if phase == "compute" else None
        last: str = self.enter(watch, phase)
        return last

    def stepped(self, watch: Any) -> None:
        """Start after the warm-up, and stop the script after the watched steps."""
        self.step(watch)
        self.steps += 1
        if self.steps == self.warm_up:
            from torch.profiler import ProfilerActivity, profile

            self.profiler = profile(activities=[ProfilerActivity.CPU])
            self.profiler.start()
        elif self.steps == self.warm_up + WATCHED:
            self.profiler.stop()
            self.write()
            raise SystemExit(0)

    def write(self) -> None:
        """Write the share of the compute phases during which an operator ran on this thread."""
        events = self.profiler.profiler.kineto_results.events()
        work = [event for event in events if event.name().startswith(OPERATORS)]
        busy = union([(event.start_ns(), event.start_ns() + event.duration_ns()) for event in work])
        inside = overlap(busy, self.phases)
        total = sum(end - start for start, end in self.phases)
        self.out.write_text(json.dumps({"operators_share": inside / total, "steps": WATCHED}), "utf-8")


def union(spans: Spans) -> Spans:
    """Return the spans merged, in order."""
    merged: Spans = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def overlap(one: Spans, two: Spans) -> int:
    """Return how long spans of both lists run at once; each list is in order and without overlap."""
    total, i, j = 0, 0, 0
    while i < len(one) and j < len(two):
        total += max(0, min(one[i][1], two[j][1]) - max(one[i][0], two[j][0]))
        if one[i][1] < two[j][1]:
            i += 1
        else:
            j += 1
    return total


def main() -> None:
    """Run the script under watch."""
    out, script = Path(sys.argv[1]), Path(sys.argv[2])
    os.environ["TRUTH_OUT"] = os.devnull
    sys.argv, sys.path[0] = sys.argv[2:], str(script.parent)
    Watch(out, importlib.import_module("stopwatch"))
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
